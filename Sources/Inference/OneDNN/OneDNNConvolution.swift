import CDNNL
import Networks
import Threads

/// Turns a status of oneDNN into an error.
package func check(_ operation: String, _ status: dnnl_status_t) throws(InferenceError) {
    guard status == dnnl_success else {
        throw .library(operation: operation, status: Int(status.rawValue))
    }
}

// The last owner frees an object of oneDNN, on any thread, so making, packing and freeing block signals here. Whoever runs
// a convolution blocks them around whole batches.

/// oneDNN's engine for this processor. Thread safe: it only stands for the device.
package final class OneDNNDevice: @unchecked Sendable {
    package let handle: dnnl_engine_t

    package init() throws(InferenceError) {
        var created: dnnl_engine_t?
        try check("engine creation", withoutSignals { nc_engine_create(&created) })
        guard let created else { throw .library(operation: "engine creation", status: 0) }
        handle = created
    }

    deinit { withoutSignals { _ = dnnl_engine_destroy(handle) } }
}

/// The order in which one thread's operations run.
package final class OneDNNStream {
    package let handle: dnnl_stream_t

    package init(_ device: OneDNNDevice) throws(InferenceError) {
        var created: dnnl_stream_t?
        try check("stream creation", withoutSignals { nc_stream_create(&created, device.handle) })
        guard let created else { throw .library(operation: "stream creation", status: 0) }
        handle = created
    }

    deinit { withoutSignals { _ = dnnl_stream_destroy(handle) } }
}

/// A compiled convolution, or its way back, with its weights packed as it wants them; shared by all workers. Thread
/// safe: weights change only while no worker runs, and every execution brings its own scratchpad.
package final class OneDNNConvolution: @unchecked Sendable {
    fileprivate var compiled = nc_convolution()
    fileprivate let device: OneDNNDevice
    fileprivate let packed: AlignedMemory
    fileprivate let bias: AlignedMemory

    /// Bytes of scratchpad that an execution needs.
    package var scratchBytes: Int { compiled.scratch_bytes }
    /// Bytes of a kernel, or of its gradient, as the convolution wants it.
    package var packedBytes: Int { compiled.packed_bytes }

    /// Compiles a convolution whose weights are still to be set.
    package init(
        _ step: ConvolutionStep, pass: nc_pass = nc_forward, batch: Int, device: OneDNNDevice,
        precision: Precision = .float32
    ) throws(InferenceError) {
        self.device = device
        bias = try AlignedMemory(bytes: step.convolution.outputs * MemoryLayout<Float>.stride)
        // deinit frees a half-made convolution only where every stored property is there: compile on the side.
        var compiled = nc_convolution()
        do throws(InferenceError) {
            var shape = nc_convolution_shape(step, pass: pass, batch: batch)
            shape.rounds = precision == .bfloat16
            try check(
                "convolution", withoutSignals { nc_convolution_create(&compiled, device.handle, &shape) })
            packed = try AlignedMemory(bytes: compiled.packed_bytes)
        } catch {
            withoutSignals { nc_convolution_destroy(&compiled) }
            throw error
        }
        self.compiled = compiled
    }

    /// Compiles a convolution with a checkpoint's weights.
    package convenience init(
        _ step: ConvolutionStep, batch: Int, weights: FoldedKernel, device: OneDNNDevice,
        precision: Precision = .float32
    ) throws {
        try self.init(step, batch: batch, device: device, precision: precision)
        try setWeights(weights.kernel, bias: weights.bias, on: OneDNNStream(device))
    }

    deinit { withoutSignals { nc_convolution_destroy(&compiled) } }

    /// Packs a kernel of the convolution's layout, and keeps a bias; without one it stays as it is, zero at first.
    package func setWeights(
        _ kernel: UnsafePointer<Float>, bias: UnsafePointer<Float>?, on stream: OneDNNStream
    ) throws(InferenceError) {
        if let bias {
            self.bias.floats.update(from: bias, count: self.bias.bytes / MemoryLayout<Float>.stride)
        }
        try check(
            "packing of weights",
            withoutSignals {
                nc_convolution_pack(&compiled, device.handle, stream.handle, kernel, packed.address)
            })
    }

    /// Copies a kernel's gradient into the convolution's layout.
    package func unpack(
        _ gradient: AlignedMemory, to kernel: UnsafeMutablePointer<Float>, on stream: OneDNNStream
    ) throws(InferenceError) {
        try check(
            "unpacking of a gradient",
            withoutSignals {
                nc_convolution_unpack(&compiled, device.handle, stream.handle, gradient.address, kernel)
            })
    }
}

extension OneDNNConvolution: CompiledConvolution {
    package func bind(scratch: UnsafeMutableRawPointer, team: Int) throws(InferenceError)
        -> any BoundConvolution
    {
        try OneDNNExecution(self, source: nil, destination: nil, scratch: scratch)
    }
}

/// A convolution, or its way back, bound to one worker's buffers.
package final class OneDNNExecution: BoundConvolution {
    private let convolution: OneDNNConvolution
    /// The convolution's: C gets its address from several threads at once.
    private var compiled: nc_convolution
    private var memories = nc_convolution_memories()

    /// `packed` and `bias` take the place of the shared weights where the pass makes their gradients.
    package init(
        _ convolution: OneDNNConvolution, source: UnsafeMutablePointer<Float>?,
        destination: UnsafeMutablePointer<Float>?, scratch: UnsafeMutableRawPointer,
        packed: AlignedMemory? = nil, bias: AlignedMemory? = nil
    ) throws(InferenceError) {
        self.convolution = convolution
        compiled = convolution.compiled
        let status = withoutSignals {
            nc_memories_create(
                &memories, &compiled, convolution.device.handle, source,
                (packed ?? convolution.packed).address, (bias ?? convolution.bias).floats, destination,
                scratch)
        }
        try check("memory creation", status)
    }

    deinit { withoutSignals { nc_memories_destroy(&memories) } }

    /// Runs the convolution on all places of a batch in other buffers.
    package func run(
        _ source: UnsafeMutablePointer<Float>, to destination: UnsafeMutablePointer<Float>, images: Int,
        on stream: OneDNNStream
    ) throws(InferenceError) {
        try check("memory", nc_memories_move(&memories, source, destination))
        try run(on: stream)
    }

    /// Runs the convolution on what the buffers hold.
    package func run(on stream: OneDNNStream) throws(InferenceError) {
        try check("convolution", nc_convolution_execute(&compiled, &memories, stream.handle))
    }
}

extension nc_convolution_shape {
    fileprivate init(_ step: ConvolutionStep, pass: nc_pass, batch: Int) {
        let convolution = step.convolution
        let distances = KernelStrides(convolution)
        let (map, result) = (step.input.mapExtent, step.output.mapExtent)
        self.init()
        self.pass = pass
        self.batch = Int64(batch)
        groups = Int64(convolution.groups)
        group_inputs = Int64(convolution.inputs / convolution.groups)
        group_outputs = Int64(convolution.outputs / convolution.groups)
        is_volume = [map, result, convolution.size].contains { $0.depth != 1 }
        input = triple(map.all)
        output = triple(result.all)
        kernel = triple(convolution.size.all)
        strides = triple(convolution.strides.all)
        dilations = triple(convolution.dilation.all)
        let first = step.margins.sides.map { $0[0] }
        before = triple(first)
        // A window that does not fit whole is left out, so that the last margin may be larger than is used; it is negative
        // where the last window ends before the map does.
        after = triple(
            (0..<3).map {
                (result.all[$0] - 1) * convolution.strides.all[$0]
                    + (convolution.size.all[$0] - 1) * convolution.dilation.all[$0] + 1
                    - map.all[$0] - first[$0]
            })
        kernel_strides = (
            Int64(distances.group), Int64(distances.output), Int64(distances.input), Int64(distances.depth),
            Int64(distances.row), Int64(distances.column)
        )
        accumulates = step.accumulates
        hasReLU = step.clamp != .none
        ceiling = step.clamp.ceiling
    }
}

/// An array of C of three elements.
private func triple(_ values: [Int]) -> (Int64, Int64, Int64) {
    (Int64(values[0]), Int64(values[1]), Int64(values[2]))
}
