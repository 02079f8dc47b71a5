import CKernels
import Networks
import Tensors

/// The operations of the fast engine that are neither convolutions nor norms, on one image's map.
package enum MapOperations {
    package typealias Source = UnsafePointer<Float>
    package typealias Result = UnsafeMutableBufferPointer<Float>

    /// The sum of two maps, or one map, clamped.
    package static func add(_ operands: [Source], _ y: Result, _ clamp: Clamp) {
        nc_add(
            operands[0], operands.count > 1 ? operands[1] : nil, y.baseAddress, y.count, clamp.floor,
            clamp.ceiling)
    }

    /// Operands of unlike shapes combined from left to right.
    package static func broadcast(
        _ operands: [Source], _ strides: [BroadcastStrides], _ y: Result, _ combine: Combination
    ) {
        let divisor = Float(combine.divisor(operands: operands.count))
        for index in y.indices {
            var result = operands[0][strides[0].source(of: index)]
            for place in 1..<operands.count {
                result = combine(result, operands[place][strides[place].source(of: index)])
            }
            y[index] = result / divisor
        }
    }

    /// A function of each element, or softmax over runs of `features`.
    package static func activate(_ activation: Activation, _ features: Int, _ x: Source, _ y: Result) {
        if let scalar = activation.scalar {
            for index in y.indices { y[index] = scalar(x[index]) }
        } else {
            y.baseAddress?.update(from: x, count: y.count)
            softmax(y, features: features)
        }
    }

    /// Slopes below zero, one per channel or one per element.
    package static func prelu(_ slopes: [Float], _ x: Source, _ y: Result) {
        for start in stride(from: 0, to: y.count, by: slopes.count) {
            for place in slopes.indices {
                let value = x[start + place]
                y[start + place] = value < 0 ? value * slopes[place] : value
            }
        }
    }

    /// Maximum or average over windows, a row of channels at a time.
    package static func pool(_ step: PoolStep, _ x: Source, _ y: Result) {
        guard var result = y.baseAddress else { return }
        let (output, channels) = (step.output.mapExtent, step.output[-1])
        for map in 0..<output.depth {
            let maps = step.maps(of: map)
            for row in 0..<output.height {
                let rows = step.rows(of: row)
                for column in 0..<output.width {
                    pool(step, x, maps, rows, step.columns(of: column), result, channels)
                    result += channels
                }
            }
        }
    }

    /// One window: the part of it that lies in the map.
    private static func pool(
        _ step: PoolStep, _ x: Source, _ maps: Range<Int>, _ rows: Range<Int>, _ columns: Range<Int>,
        _ result: UnsafeMutablePointer<Float>, _ channels: Int
    ) {
        let (pool, input) = (step.pool, step.input.mapExtent)
        let inside = maps.count * rows.count * columns.count
        let window = pool.size.all.reduce(1, *)
        let start: Float = pool.kind == .average || (step.countsMargins && inside < window) ? 0 : -.infinity
        result.update(repeating: start, count: channels)
        for map in maps {
            for row in rows {
                for column in columns {
                    let position = (map * input.height + row) * input.width + column
                    switch pool.kind {
                    case .maximum: nc_maximum(x + position * channels, result, channels)
                    case .average: nc_accumulate(x + position * channels, result, channels)
                    }
                }
            }
        }
        if pool.kind == .average {
            nc_scale(result, 1 / Float(step.countsMargins ? window : inside), channels)
        }
    }

    /// Maximum or average over all positions; sums run in float over one row of 64 positions, then in double.
    package static func globalPool(
        _ kind: Pool.Kind, _ positions: Int, _ channels: Int, _ x: Source, _ y: Result
    ) {
        guard let result = y.baseAddress else { return }
        switch kind {
        case .maximum:
            result.update(from: x, count: channels)
            for position in 1..<max(positions, 1) { nc_maximum(x + position * channels, result, channels) }
        case .average:
            var means = [Double](repeating: 0, count: channels)
            var squares = means
            var scratch = [Float](repeating: 0, count: 3 * channels)
            nc_channel_moments(x, positions, channels, &means, &squares, &scratch)
            for channel in 0..<channels { result[channel] = Float(means[channel]) }
        }
    }

    /// Zeros around a map.
    package static func pad(_ margins: Margins, _ shape: Shape, _ x: Source, _ y: Result) {
        y.update(repeating: 0)
        let (map, channels) = (shape.mapExtent, shape[-1])
        let length = map.width * channels
        let outerLength = (map.width + margins.left + margins.right) * channels
        let outerRows = map.height + margins.top + margins.bottom
        for row in 0..<map.depth * map.height {
            let (depth, row) = (row / map.height, row % map.height)
            let target = ((depth + margins.front) * outerRows + row + margins.top) * outerLength
            (y.baseAddress.map { $0 + target + margins.left * channels })?.update(
                from: x + (depth * map.height + row) * length, count: length)
        }
    }

    /// Zero channels before and after a map's own.
    package static func padChannels(before: Int, from: Int, to: Int, _ x: Source, _ y: Result) {
        y.update(repeating: 0)
        for position in 0..<y.count / to {
            (y.baseAddress.map { $0 + position * to + before })?.update(
                from: x + position * from, count: from)
        }
    }

    /// The operands' channels one after another.
    package static func concatenate(_ operands: [Source], _ features: [Int], _ y: Result) {
        let total = features.reduce(0, +)
        for position in 0..<y.count / total {
            var offset = position * total
            for (operand, count) in zip(operands, features) {
                (y.baseAddress.map { $0 + offset })?.update(from: operand + position * count, count: count)
                offset += count
            }
        }
    }
}
