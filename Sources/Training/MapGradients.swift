import CKernels
import Foundation
import Networks
import Tensors
import Inference

/// The ways back through the operations that are neither convolutions nor norms, on one image's map. Each adds to the
/// operand's gradient, `dx`.
enum MapGradients {
    typealias Source = UnsafePointer<Float>
    typealias Result = UnsafeMutableBufferPointer<Float>

    /// dx += dy over maps of one shape.
    static func add(_ dy: Source, _ dx: Result) { nc_accumulate(dy, dx.baseAddress, dx.count) }

    /// dx += dy·f'(x), from the operand x or the result y.
    static func activate(_ activation: Activation, _ x: Source, _ y: Source, _ dy: Source, _ dx: Result) {
        let slope: (Int) -> Float
        switch activation {
        case .relu: slope = { y[$0] > 0 ? 1 : 0 }
        case .clippedReLU(let limit): slope = { y[$0] > 0 && y[$0] < limit ? 1 : 0 }
        case .leakyReLU(let below): slope = { x[$0] < 0 ? below : 1 }
        case .sigmoid: slope = { y[$0] * (1 - y[$0]) }
        case .tanh: slope = { 1 - y[$0] * y[$0] }
        case .swish:
            slope = {
                let logistic = Float(1 / (1 + exp(-Double(x[$0]))))
                return logistic + y[$0] * (1 - logistic)
            }
        default:
            guard let derivative = activation.derivative else {
                preconditionFailure("a training plan has no softmax in it")
            }
            slope = { Float(derivative(Double(x[$0]))) }
        }
        for index in dx.indices { dx[index] += dy[index] * slope(index) }
    }

    /// Slopes below zero, one per channel or one per element.
    static func prelu(_ slopes: [Float], _ x: Source, _ dy: Source, _ dx: Result) {
        for start in stride(from: 0, to: dx.count, by: slopes.count) {
            for place in slopes.indices {
                let index = start + place
                dx[index] += x[index] < 0 ? dy[index] * slopes[place] : dy[index]
            }
        }
    }

    /// Windows: the first of the largest takes all, or everyone in the map the same share.
    static func pool(_ step: PoolStep, _ x: Source, _ y: Source, _ dy: Source, _ dx: Result) {
        guard let target = dx.baseAddress else { return }
        let (pool, channels) = (step.pool, step.output[2])
        var open = [Float](repeating: 0, count: channels)
        for row in 0..<step.output[0] {
            let rows = step.rows(of: row)
            for column in 0..<step.output[1] {
                let columns = step.columns(of: column)
                let place = (row * step.output[1] + column) * channels
                for channel in 0..<channels { open[channel] = 1 }
                let share = 1 / Float(max(rows.count * columns.count, 1))
                for sourceRow in rows {
                    for sourceColumn in columns {
                        let source = (sourceRow * step.input[1] + sourceColumn) * channels
                        switch pool.kind {
                        case .maximum:
                            nc_add_maximum_gradient(
                                x + source, y + place, dy + place, target + source, &open, channels)
                        case .average: nc_add_scaled(dy + place, target + source, channels, share)
                        }
                    }
                }
            }
        }
    }

    /// All positions as one window.
    static func globalPool(
        _ kind: Pool.Kind, _ channels: Int, _ x: Source, _ y: Source, _ dy: Source, _ dx: Result
    ) {
        guard let target = dx.baseAddress else { return }
        let positions = dx.count / channels
        var open = [Float](repeating: 1, count: channels)
        for start in stride(from: 0, to: dx.count, by: channels) {
            switch kind {
            case .maximum: nc_add_maximum_gradient(x + start, y, dy, target + start, &open, channels)
            case .average: nc_add_scaled(dy, target + start, channels, 1 / Float(positions))
            }
        }
    }

    /// What lies inside the margins; `shape` is the operand's.
    static func pad(_ margins: Margins, _ shape: Shape, _ dy: Source, _ dx: Result) {
        let length = shape[1] * shape[2]
        let outerLength = (shape[1] + margins.left + margins.right) * shape[2]
        for row in 0..<shape[0] {
            let start = (row + margins.top) * outerLength + margins.left * shape[2]
            nc_accumulate(dy + start, dx.baseAddress.map { $0 + row * length }, length)
        }
    }

    /// `from` channels that stand behind `before` others among `to`.
    static func channels(before: Int, from: Int, to: Int, _ dy: Source, _ dx: Result) {
        for position in 0..<dx.count / from {
            nc_accumulate(
                dy + position * to + before, dx.baseAddress.map { $0 + position * from }, from)
        }
    }

    /// Operands that are broadcast and combined: dx collects over what it was stretched along. Of equal largest or
    /// smallest operands the first takes all.
    static func broadcast(
        _ operands: [Source], _ strides: [BroadcastStrides], _ combination: Combination, operand place: Int,
        count: Int, _ dy: Source, _ dx: Result
    ) {
        let share = 1 / Float(combination.divisor(operands: operands.count))
        for index in 0..<count {
            func value(_ operand: Int) -> Float { operands[operand][strides[operand].source(of: index)] }
            let factor: Float
            switch combination {
            case .sum, .merge(.average): factor = share
            case .product:
                factor = operands.indices.reduce(1) { $1 == place ? $0 : $0 * value($1) }
            case .merge(.subtract): factor = place == 0 ? 1 : -1
            case .merge(.maximum), .merge(.minimum):
                let own = value(place)
                let wins = operands.indices.allSatisfy {
                    $0 == place
                        || ($0 < place
                            ? combination(value($0), own) != value($0) : combination(own, value($0)) == own)
                }
                factor = wins ? 1 : 0
            }
            dx[strides[place].source(of: index)] += dy[index] * factor
        }
    }

    /// Where the elements of a part, of another size or of another order came from.
    static func back(_ step: StepOperation, _ dy: Source, _ dx: Result) {
        switch step {
        case .crop(let margins, let shape):
            let rows = shape[0] - margins.top - margins.bottom
            let length = (shape[1] - margins.left - margins.right) * shape[2]
            for row in 0..<rows {
                let start = ((row + margins.top) * shape[1] + margins.left) * shape[2]
                nc_accumulate(dy + row * length, dx.baseAddress.map { $0 + start }, length)
            }
        case .resize(let step): resize(step, dy, dx)
        case .selectChannels(let channels, let count):
            for index in 0..<dx.count / count * channels.count {
                dx[index / channels.count * count + channels[index % channels.count]] += dy[index]
            }
        case .permute(let strides): for index in dx.indices { dx[strides.source(of: index)] += dy[index] }
        default: break
        }
    }

    private static func resize(_ step: ResizeStep, _ dy: Source, _ dx: Result) {
        guard let target = dx.baseAddress else { return }
        var source = dy
        let channels = step.input[2]
        for row in step.rows {
            for column in step.columns {
                for (i, vertical) in row.weights.enumerated() {
                    for (j, horizontal) in column.weights.enumerated() {
                        let place = (row.first + i) * step.input[1] + column.first + j
                        nc_add_scaled(
                            source, target + place * channels, channels, Float(vertical * horizontal))
                    }
                }
                source += channels
            }
        }
    }
}
