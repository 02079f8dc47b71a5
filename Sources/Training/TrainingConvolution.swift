import CDNNL
import Networks
import Tensors
import Inference

/// A convolution or dense layer that is trained: forwards, and back to its input and to its kernel and bias.
/// The compiled passes are shared by all workers.
struct TrainingConvolution {
    let convolution: Convolution
    let forward: OneDNNConvolution
    /// Back to the input; nil where nobody needs that.
    let toSource: OneDNNConvolution?
    /// Back to kernel and bias; nil where neither is trained.
    let toWeights: OneDNNConvolution?

    /// Compiles the passes for maps of one shape, `batch` images at a time.
    init(
        _ convolution: Convolution, input: Shape, output: Shape, batch: Int, needsSource: Bool,
        needsWeights: Bool, device: OneDNNDevice
    ) throws {
        let step = ConvolutionStep(
            convolution: convolution.filterMajor, affine: nil, input: input, output: output,
            margins: convolution.resolvedMargins(of: input.mapExtent))
        self.convolution = convolution
        forward = try OneDNNConvolution(step, batch: batch, device: device)
        toSource =
            needsSource
            ? try OneDNNConvolution(step, pass: nc_backward_data, batch: batch, device: device) : nil
        toWeights =
            needsWeights
            ? try OneDNNConvolution(step, pass: nc_backward_weights, batch: batch, device: device) : nil
    }

    /// Packs filters, [outputs, inputs / groups, rows, columns], for the ways forwards and back.
    func setWeights(
        _ filters: UnsafePointer<Float>, bias: UnsafePointer<Float>?, on stream: OneDNNStream
    ) throws {
        try forward.setWeights(filters, bias: bias, on: stream)
        try toSource?.setWeights(filters, bias: nil, on: stream)
    }

    /// Bytes of scratchpad that the passes need at most.
    var scratchBytes: Int {
        [forward, toSource, toWeights].map { $0?.scratchBytes ?? 0 }.max() ?? 0
    }
}
