import CConvolutions
import Networks
import Tensors

/// A 3×3 convolution by vector kernels of our own, up to four times as fast as oneDNN's on channels-last maps: by Winograd's
/// algorithm where the stride is 1. Thread safe: nothing changes once the weights are packed.
package final class VectorConvolution: CompiledConvolution, @unchecked Sendable {
    fileprivate let plan: nc_plan
    fileprivate let packed: AlignedMemory
    fileprivate let bias: AlignedMemory
    fileprivate let accumulates: Bool
    fileprivate let clamp: Clamp
    /// Bytes of scratchpad for a batch.
    package let scratchBytes: Int

    /// Packs a checkpoint's weights; nil if the kernels are not meant for the convolution or the processor.
    /// `lanes` are the floats of a vector, as many as the processor has where it is nil.
    package init?(_ step: ConvolutionStep, batch: Int, weights: FoldedKernel, lanes: Int? = nil)
        throws(InferenceError)
    {
        let convolution = step.convolution
        var shape = nc_shape(step)
        var plan = nc_plan()
        guard step.input.rank == 3, Self.isMeant(for: convolution), nc_make_plan(&plan, &shape, lanes ?? 0)
        else { return nil }
        self.plan = plan
        scratchBytes = nc_scratch_floats(&plan, batch) * MemoryLayout<Float>.stride
        packed = try AlignedMemory(bytes: nc_packed_floats(&plan) * MemoryLayout<Float>.stride, zeroed: false)
        bias = try AlignedMemory(bytes: convolution.outputs * MemoryLayout<Float>.stride)
        bias.floats.update(from: weights.bias, count: convolution.outputs)
        (accumulates, clamp) = (step.accumulates, step.clamp)
        let strides = KernelStrides(convolution)
        nc_pack(
            &plan, weights.kernel, [strides.output, strides.input, strides.row, strides.column], packed.floats
        )
    }

    /// With a few input channels oneDNN's kernels are as fast.
    private static func isMeant(for convolution: Convolution) -> Bool {
        convolution.size == Extent(height: 3, width: 3) && convolution.groups == 1
            && convolution.dilation == Extent(height: 1, width: 1)
            && convolution.inputs >= 16
    }

    package func bind(scratch: UnsafeMutableRawPointer, team: Int) -> any BoundConvolution {
        VectorExecution(
            convolution: self, scratch: scratch.assumingMemoryBound(to: Float.self), team: team)
    }
}

/// A convolution with one worker's scratchpad.
private struct VectorExecution: BoundConvolution {
    let convolution: VectorConvolution
    let scratch: UnsafeMutablePointer<Float>
    let team: Int

    func run(
        _ source: UnsafeMutablePointer<Float>, to destination: UnsafeMutablePointer<Float>, images: Int,
        on stream: OneDNNStream
    ) {
        var tail = nc_tail(
            bias: convolution.bias.floats, accumulates: convolution.accumulates,
            floor: convolution.clamp.floor,
            ceiling: convolution.clamp.ceiling)
        withUnsafePointer(to: convolution.plan) {
            nc_convolve($0, convolution.packed.floats, &tail, source, destination, images, scratch, team)
        }
    }
}

extension nc_shape {
    /// The shape of a convolution without groups and dilation.
    package init(_ step: ConvolutionStep) {
        let convolution = step.convolution
        self.init(
            rows: step.input[0], columns: step.input[1], inputs: convolution.inputs,
            output_rows: step.output[0],
            output_columns: step.output[1], outputs: convolution.outputs,
            kernel_rows: convolution.size.height,
            kernel_columns: convolution.size.width, stride_rows: convolution.strides.height,
            stride_columns: convolution.strides.width, top: step.margins.top, left: step.margins.left,
            column_step: 0,
            row_step: 0, image_step: 0)
    }
}
