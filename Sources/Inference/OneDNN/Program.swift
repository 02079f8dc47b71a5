import Networks
import Tensors

/// A network lowered to the steps of the fast engine, in order.
package struct Program {
    /// Executed from first to last for every batch of images.
    package var steps: [Step] = []
    /// Floats that one image's share of each value takes.
    package var sizes: [Int] = []
    /// The values that are given, in the order in which they were asked for.
    package var inputs: [Int] = []
    /// The values that are there at the end, in the order in which they were asked for.
    package var outputs: [Int] = []

    /// One operation, its operands and its result, as indices of values.
    package struct Step {
        package var operation: StepOperation
        /// The network's node that it starts with; others may be fused in.
        package var node: Int
        package var operands: [Int]
        package var result: Int
        /// The operand whose room the result must take, for operations that add to what is there.
        package var overwrites: Int?

        /// Whether it reads or writes one of these values.
        package func touches(_ values: [Int]) -> Bool {
            values.contains { $0 == result || operands.contains($0) }
        }

        /// The operands that are maps, not statistics of one.
        package var maps: [Int] {
            guard case .groupNorm = operation else { return operands }
            return operands.enumerated().filter { $0.offset != 1 }.map(\.element)
        }
    }

    /// Adds a step whose result is a new value of the given size.
    package mutating func append(_ operation: StepOperation, node: Int, _ operands: [Int], size: Int) -> Int {
        let result = makeValue(size: size)
        steps.append(Step(operation: operation, node: node, operands: operands, result: result))
        return result
    }

    /// Throws `InferenceError.outOfMemory` where a batch's values take 64 TiB or more together, which no machine has:
    /// sizes can be added and multiplied from here on.
    package func checkSizes(batch: Int) throws(InferenceError) {
        let bytes = sizes.reduce(0.0) { $0 + Double($1) } * Double(batch * MemoryLayout<Float>.stride)
        guard bytes < 0x1p46 else { throw .outOfMemory(bytes: Int(exactly: bytes.rounded()) ?? .max) }
    }

    /// A new value of the given size.
    package mutating func makeValue(size: Int) -> Int {
        sizes.append(size)
        return sizes.count - 1
    }
}

/// min(max(·, floor), ceiling): a ReLU, a clipped one, or nothing.
package struct Clamp: Equatable {
    package var floor = -Float.infinity
    package var ceiling = Float.infinity

    package static let none = Clamp()

    /// The clamp that an activation is, if it is one.
    package init?(_ activation: Activation) {
        switch activation {
        case .relu: self.init(floor: 0)
        case .clippedReLU(let limit): self.init(floor: 0, ceiling: limit)
        default: return nil
        }
    }

    package init(floor: Float = -.infinity, ceiling: Float = .infinity) {
        self.floor = floor
        self.ceiling = ceiling
    }
}

/// The computation of a step for each image of a batch.
package enum StepOperation {
    /// Convolution with the norm after it folded in; a second operand is added before the clamp.
    case convolution(ConvolutionStep)
    case transposedConvolution(TransposedConvolutionStep)
    /// Mean, scale and shift of each channel of group normalization, from a map: 3 × channels values.
    case groupStatistics(GroupNormStep)
    /// (x − mean)·scale + shift with the channels' statistics as second operand; a third is added before the clamp.
    case groupNorm(GroupNormStep)
    /// x·scale + shift per channel; a second operand is added before the clamp.
    case affine(ChannelAffine, Clamp)
    case layerNorm(gamma: [Float], beta: [Float], epsilon: Double)
    /// Sum of two operands of one shape, or one operand alone, clamped.
    case add(Clamp)
    case broadcast([BroadcastStrides], Combination)
    case activation(Activation, features: Int)
    /// Slopes below zero, one per channel or one per element.
    case prelu(slopes: [Float])
    case pool(PoolStep)
    case globalPool(Pool.Kind, channels: Int)
    case zeroPad(Margins, from: Shape)
    case crop(Margins, from: Shape)
    case resize(ResizeStep)
    case selectChannels([Int], of: Int)
    case permute(BroadcastStrides)
    case unitNorm(epsilon: Double, features: Int)
    case padChannels(before: Int, from: Int, to: Int)
    case concatenate([Int])

    /// Whether the result may take the place of an operand of the same size that nothing reads afterwards.
    package var worksInPlace: Bool {
        switch self {
        case .groupNorm, .affine, .layerNorm, .add, .activation, .prelu: true
        default: false
        }
    }
}

/// A convolution, or a dense layer as a convolution of a 1×1 map.
package struct ConvolutionStep {
    package var convolution: Convolution
    /// Batch normalization after the convolution, if it is folded in.
    package var affine: ChannelAffine?
    package var input: Shape
    package var output: Shape
    package var margins: Margins
    package var accumulates = false
    package var clamp = Clamp.none

    package init(
        convolution: Convolution, affine: ChannelAffine? = nil, input: Shape, output: Shape, margins: Margins,
        accumulates: Bool = false, clamp: Clamp = .none
    ) {
        self.convolution = convolution
        self.affine = affine
        self.input = input
        self.output = output
        self.margins = margins
        self.accumulates = accumulates
        self.clamp = clamp
    }
}

/// Group normalization of a map of `positions` × channels.
package struct GroupNormStep {
    package var groups: Int
    package var epsilon: Double
    package var gamma: [Float]
    package var beta: [Float]
    package var clamp: Clamp

    package init(groups: Int, epsilon: Double, gamma: [Float], beta: [Float], clamp: Clamp) {
        self.groups = groups
        self.epsilon = epsilon
        self.gamma = gamma
        self.beta = beta
        self.clamp = clamp
    }
}

/// A maximum or average over windows.
package struct PoolStep {
    package var pool: Pool
    package var input: Shape
    package var output: Shape
    package var margins: Margins
    /// Whether the margin's zeros take part, as after a ZeroPadding2D layer.
    package var countsMargins: Bool

    package init(pool: Pool, input: Shape, output: Shape, margins: Margins, countsMargins: Bool) {
        self.pool = pool
        self.input = input
        self.output = output
        self.margins = margins
        self.countsMargins = countsMargins
    }

    /// Maps of the volume that the windows of an output map see; the one of a map.
    package func maps(of map: Int) -> Range<Int> {
        clamped(map * pool.strides.depth - margins.front, pool.size.depth, to: input.mapExtent.depth)
    }

    /// Rows of the map that the windows of an output row see.
    package func rows(of row: Int) -> Range<Int> {
        clamped(row * pool.strides.height - margins.top, pool.size.height, to: input.mapExtent.height)
    }

    /// Columns of the map that the windows of an output column see.
    package func columns(of column: Int) -> Range<Int> {
        clamped(column * pool.strides.width - margins.left, pool.size.width, to: input.mapExtent.width)
    }

    /// The part of a window that lies in the map; none where it lies in the margin alone.
    private func clamped(_ first: Int, _ size: Int, to extent: Int) -> Range<Int> {
        let start = min(max(first, 0), extent)
        return start..<max(start, min(first + size, extent))
    }
}
