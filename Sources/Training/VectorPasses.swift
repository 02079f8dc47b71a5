import CConvolutions
import Inference
import Networks
import Tensors

/// A convolution's ways forwards and back by vector kernels of our own, which a team's threads share. Nothing depends on
/// how many there are.
final class VectorPasses: @unchecked Sendable {
    /// A convolution of one map into another, or into those of its places that a stride leaves out.
    private struct Pass {
        var plan: nc_plan
        var packed: AlignedMemory
        /// Where the first weight stands among the filters, and the floats between outputs, inputs, rows and columns.
        var start: Int
        var strides: [Int]
        /// Where the first output goes.
        var target: Int
    }

    private let forward: Pass
    private let back: [Pass]
    /// Whether the way back writes every place of the source's gradient.
    private let isWhole: Bool
    private let gradient: nc_plan
    private let bias: AlignedMemory
    private let noBias: AlignedMemory
    private let images: Int
    private let sourceCount: Int

    /// Outputs of a plane from which Winograd's algorithm pays for the transform of the kernel.
    private static let fewestPositions = 400

    /// Nil for a convolution or a processor without such kernels.
    init?(_ step: ConvolutionStep, images: Int, needsSource: Bool) throws(InferenceError) {
        let convolution = step.convolution
        guard step.input.rank == 3, convolution.size.depth == 1, convolution.groups == 1,
            convolution.dilation == Extent(1)
        else { return nil }
        let shape = nc_shape(step)
        let size = convolution.size.height * convolution.size.width
        let strides = [convolution.inputs * size, size, convolution.size.width, 1]
        guard let forward = try Self.pass(shape, images: images, start: 0, strides, target: 0) else {
            return nil
        }
        var gradient = nc_plan()
        guard withUnsafePointer(to: shape, { nc_make_direct_plan(&gradient, $0, 0) }) else { return nil }
        var (back, isWhole) = ([Pass](), true)
        for row in needsSource ? Residue.rows(shape) : [] {
            for column in Residue.columns(shape) {
                guard row.taps > 0, column.taps > 0 else {
                    isWhole = false
                    continue
                }
                guard
                    let pass = try Self.pass(
                        shape.back(row, column), images: images,
                        start: row.last * strides[2] + column.last,
                        [strides[1], strides[0], -row.stride * strides[2], -column.stride],
                        target: (row.first * shape.columns + column.first) * shape.inputs)
                else { return nil }
                back.append(pass)
            }
        }
        (self.forward, self.back, self.isWhole, self.gradient) = (forward, back, isWhole, gradient)
        self.images = images
        sourceCount = step.input.count
        bias = try AlignedMemory(bytes: convolution.outputs * MemoryLayout<Float>.stride)
        noBias = try AlignedMemory(bytes: convolution.inputs * MemoryLayout<Float>.stride)
    }

    private static func pass(
        _ shape: nc_shape, images: Int, start: Int, _ strides: [Int], target: Int
    ) throws(InferenceError) -> Pass? {
        var (shape, plan) = (shape, nc_plan())
        let isLarge = images * shape.output_rows * shape.output_columns >= fewestPositions
        guard isLarge ? nc_make_plan(&plan, &shape, 0) : nc_make_direct_plan(&plan, &shape, 0) else {
            return nil
        }
        let packed = try AlignedMemory(bytes: nc_packed_floats(&plan) * MemoryLayout<Float>.stride)
        return Pass(plan: plan, packed: packed, start: start, strides: strides, target: target)
    }

    /// Floats of scratch memory for each thread.
    var scratchFloats: Int {
        let passes = ([forward] + back).map { pass in
            withUnsafePointer(to: pass.plan) { nc_scratch_floats($0, images) }
        }
        return max(
            passes.max() ?? 0, withUnsafePointer(to: gradient) { nc_gradient_scratch_floats($0) })
    }

    /// Floats of a kernel's gradient on its way to the filters.
    var packedFloats: Int { withUnsafePointer(to: gradient) { nc_packed_floats($0) } }

    /// Packs a member's share of the filters, [outputs, inputs, rows, columns].
    func setWeights(
        _ filters: UnsafePointer<Float>, bias: UnsafePointer<Float>?, _ member: TeamMember
    ) {
        if member.index == 0, let bias {
            self.bias.floats.update(from: bias, count: self.bias.bytes / MemoryLayout<Float>.stride)
        }
        for pass in [forward] + back {
            withUnsafePointer(to: pass.plan) {
                nc_pack_part(
                    $0, filters + pass.start, pass.strides, pass.packed.floats, member.index, member.count)
            }
        }
    }

    /// A member's share of y = conv(x).
    func run(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>,
        _ member: TeamMember
    ) {
        run(forward, x, y, bias, adds: false, scratch, member)
    }

    /// A member's share of the gradient with respect to x, which is added to what is there, or takes its place.
    func runBack(
        _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>, adds: Bool,
        scratch: UnsafeMutablePointer<Float>, _ member: TeamMember
    ) throws {
        if !isWhole, !adds {
            let own = member.share(of: images * sourceCount)
            (dx + own.lowerBound).update(repeating: 0, count: own.count)
            try member.meet()
        }
        for pass in back { run(pass, dy, dx, noBias, adds: adds, scratch, member) }
    }

    private func run(
        _ pass: Pass, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ bias: AlignedMemory,
        adds: Bool, _ scratch: UnsafeMutablePointer<Float>, _ member: TeamMember
    ) {
        var tail = nc_tail(
            bias: bias.floats, accumulates: adds, floor: -.infinity, ceiling: .infinity)
        withUnsafePointer(to: pass.plan) {
            nc_convolve_part(
                $0, pass.packed.floats, &tail, x, y + pass.target, images, scratch, member.index, member.count
            )
        }
    }

    /// Adds the gradients with respect to filters and bias to the vectors that are there. `packed` is the team's.
    func addGradient(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, filters: UnsafeMutablePointer<Float>?,
        bias: UnsafeMutablePointer<Float>?, packed: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>, _ member: TeamMember
    ) throws {
        withUnsafePointer(to: gradient) {
            nc_weight_gradient_part(
                $0, x, dy, images, packed, bias, scratch, member.index, member.count)
        }
        try member.meet()
        guard let filters else { return }
        withUnsafePointer(to: gradient) {
            nc_unpack_part($0, packed, forward.strides[0], filters, member.index, member.count)
        }
    }
}

/// The rows, or columns, of a map whose distance from the first is the same but for multiples of the stride, on the way back:
/// each takes the same taps, of neighbouring outputs.
private struct Residue {
    /// The first one, and how many there are.
    var first: Int
    var count: Int
    /// Taps, the last of them, and the distance between them.
    var taps: Int
    var last: Int
    var stride: Int
    /// How far before its first output the first one's taps begin.
    var margin: Int

    static func rows(_ s: nc_shape) -> [Residue] {
        all(extent: s.rows, kernel: s.kernel_rows, stride: s.stride_rows, margin: s.top)
    }

    static func columns(_ s: nc_shape) -> [Residue] {
        all(extent: s.columns, kernel: s.kernel_columns, stride: s.stride_columns, margin: s.left)
    }

    /// Place r takes tap k from output (r + margin − k)/stride, where that is a whole number.
    private static func all(extent: Int, kernel: Int, stride: Int, margin: Int) -> [Residue] {
        (0..<min(stride, extent)).map { first in
            let tap = ((first + margin) % stride + stride) % stride
            let taps = tap < kernel ? (kernel - tap + stride - 1) / stride : 0
            return Residue(
                first: first, count: (extent - first + stride - 1) / stride, taps: taps,
                last: tap + stride * (taps - 1), stride: stride,
                margin: taps - 1 - (first + margin - tap) / stride)
        }
    }
}

extension nc_shape {
    /// The convolution of gradients that gives those of some rows and columns of the source.
    fileprivate func back(_ row: Residue, _ column: Residue) -> nc_shape {
        nc_shape(
            rows: output_rows, columns: output_columns, inputs: outputs, output_rows: row.count,
            output_columns: column.count, outputs: inputs, kernel_rows: row.taps,
            kernel_columns: column.taps, stride_rows: 1, stride_columns: 1, top: row.margin,
            left: column.margin, column_step: column.stride * inputs,
            row_step: row.stride * columns * inputs, image_step: rows * columns * inputs)
    }
}
