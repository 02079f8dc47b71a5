import CDNNL
import Inference
import Networks
import Tensors

/// A convolution or dense layer that is trained: forwards, and back to its input and to its kernel and bias. The compiled
/// passes are shared by all threads.
struct TrainingConvolution {
    let convolution: Convolution
    /// By kernels of our own; nil where there are none for it.
    let vector: VectorPasses?
    /// By oneDNN, slice by slice of a turn's images; nil where there are others.
    let sliced: SlicedPasses?
    let needsSource: Bool
    let needsWeights: Bool

    /// Compiles the passes for maps of one shape.
    init(
        _ convolution: Convolution, input: Shape, output: Shape, slices: TrainingSlices, needsSource: Bool,
        needsWeights: Bool, device: OneDNNDevice
    ) throws {
        let step = ConvolutionStep(
            convolution: convolution.filterMajor, affine: nil, input: input, output: output,
            margins: convolution.resolvedMargins(of: input.mapExtent))
        self.convolution = convolution
        (self.needsSource, self.needsWeights) = (needsSource, needsWeights)
        vector = try VectorPasses(step, images: slices.images, needsSource: needsSource)
        sliced =
            vector == nil
            ? try SlicedPasses(
                step, batch: slices.size, needsSource: needsSource, needsWeights: needsWeights, device: device
            ) : nil
    }
}

/// A convolution's passes by oneDNN for a slice of a turn's images, each in one thread.
struct SlicedPasses {
    let forward: OneDNNConvolution
    /// Back to the input; nil where nobody needs that.
    let toSource: OneDNNConvolution?
    /// Back to kernel and bias; nil where neither is trained.
    let toWeights: OneDNNConvolution?

    init(
        _ step: ConvolutionStep, batch: Int, needsSource: Bool, needsWeights: Bool, device: OneDNNDevice
    ) throws(InferenceError) {
        func compile(_ pass: nc_pass) throws(InferenceError) -> OneDNNConvolution {
            try OneDNNConvolution(step, pass: pass, batch: batch, device: device)
        }
        forward = try compile(nc_forward)
        toSource = needsSource ? try compile(nc_backward_data) : nil
        toWeights = needsWeights ? try compile(nc_backward_weights) : nil
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

/// A turn's images, and the equal slices of them that a thread takes alone: for losses, and for oneDNN.
struct TrainingSlices {
    /// Images of a slice.
    let size: Int
    let count: Int
    /// Images of a turn.
    var images: Int { size * count }
}
