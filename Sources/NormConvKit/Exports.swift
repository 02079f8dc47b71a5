// The modules whose types appear in the interface: `import NormConvKit` is enough.
@_exported import Checkpoints
@_exported import Conversion
@_exported import Datasets
@_exported import Evaluation
@_exported import Inference
@_exported import Networks
@_exported import Reports
@_exported import Tensors
