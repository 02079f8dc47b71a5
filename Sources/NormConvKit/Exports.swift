// What the library's users meet in its interface, so that `import NormConvKit` is all they need.
@_exported import Calibration
@_exported import Checkpoints
@_exported import Conversion
@_exported import Datasets
@_exported import Evaluation
@_exported import FineTuning
@_exported import Inference
@_exported import Networks
@_exported import Reports
@_exported import Tensors
@_exported import Training
