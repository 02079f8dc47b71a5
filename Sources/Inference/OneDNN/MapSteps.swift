import CKernels
import Networks
import Tensors

/// Another number of rows and columns, the samples worked out.
package struct ResizeStep {
    package var input: Shape
    package var rows: [Resize.Sample]
    package var columns: [Resize.Sample]
    /// The value around the map.
    package var fill: Float

    package init(_ resize: Resize, input: Shape) {
        (self.input, fill) = (input, resize.fill)
        (rows, columns) = resize.samples(height: input[0], width: input[1])
    }
}

extension StepOperation {
    /// The step of an operation that takes parts of a map, another size or order, or its vectors at length 1; nil for
    /// another operation or a map that is too small.
    package init?(_ operation: Networks.Operation, from input: Shape, to output: Shape) {
        switch operation {
        case .crop(let crop):
            if let resize = crop.enlargement(height: input[0], width: input[1]) {
                self = .resize(ResizeStep(resize, input: input))
                return
            }
            guard let margins = crop.margins(height: input[0], width: input[1]) else { return nil }
            self = .crop(margins, from: input)
        case .resize(let resize): self = .resize(ResizeStep(resize, input: input))
        case .selectChannels(let channels, _): self = .selectChannels(channels, of: input[-1])
        case .permute(let order): self = .permute(BroadcastStrides(input, permutedTo: order))
        case .unitNorm(let epsilon): self = .unitNorm(epsilon: epsilon, features: output[-1])
        default: return nil
        }
    }
}

extension MapOperations {
    /// One of the steps above on one image's map.
    package static func run(_ step: StepOperation, _ x: Source, _ y: Result) {
        switch step {
        case .crop(let margins, let shape): crop(margins, shape, x, y)
        case .resize(let step): resize(step, x, y)
        case .selectChannels(let channels, let count):
            for index in y.indices {
                y[index] = x[index / channels.count * count + channels[index % channels.count]]
            }
        case .permute(let strides): for index in y.indices { y[index] = x[strides.source(of: index)] }
        case .unitNorm(let epsilon, let features):
            normalizeLength(x, y, features: features, epsilon: epsilon)
        default: preconditionFailure("not a step of these")
        }
    }

    /// What is left of a map of this shape when its margins are cut off.
    private static func crop(_ margins: Margins, _ shape: Shape, _ x: Source, _ y: Result) {
        let rows = shape[0] - margins.top - margins.bottom
        let length = (shape[1] - margins.left - margins.right) * shape[2]
        for row in 0..<rows {
            let start = ((row + margins.top) * shape[1] + margins.left) * shape[2]
            (y.baseAddress.map { $0 + row * length })?.update(from: x + start, count: length)
        }
    }

    /// A row of the result at a time: rows blended first, then columns.
    private static func resize(_ step: ResizeStep, _ x: Source, _ y: Result) {
        let (length, channels) = (step.input[1] * step.input[2], step.input[2])
        var blended = [Float](repeating: 0, count: length)
        guard var target = y.baseAddress else { return }
        for row in step.rows {
            blend(x, row, &blended, length, rest: step.fill)
            blended.withUnsafeBufferPointer { blended in
                guard let source = blended.baseAddress else { return }
                for column in step.columns {
                    blend(source, column, target, channels, rest: step.fill)
                    target += channels
                }
            }
        }
    }

    /// The weighted sum of a sample's runs of `count` values, and the rest of the weight times a value.
    private static func blend(
        _ x: Source, _ sample: Resize.Sample, _ y: UnsafeMutablePointer<Float>, _ count: Int,
        rest value: Float
    ) {
        if value == 0, let weight = sample.weights.first {
            y.update(from: x + sample.first * count, count: count)
            if weight != 1 { nc_scale(y, Float(weight), count) }
        } else {
            y.update(repeating: value * Float(1 - sample.inside), count: count)
            if let weight = sample.weights.first {
                nc_add_scaled(x + sample.first * count, y, count, Float(weight))
            }
        }
        for (place, weight) in sample.weights.enumerated().dropFirst() {
            nc_add_scaled(x + (sample.first + place) * count, y, count, Float(weight))
        }
    }
}
