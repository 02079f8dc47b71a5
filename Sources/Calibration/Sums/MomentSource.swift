import CDNNL
import Inference
import Networks
import Tensors
import Training

/// What is to leave a layer: (value − offset − shift)·rate, a shift and a rate for each channel.
package struct MomentTarget: Sendable {
    let value: ActivationStore
    let offset: ActivationStore?
    let shift: [Float]
    let rate: [Float]

    /// A target; without a shift and a rate these are 0 and 1.
    package init(
        value: ActivationStore, offset: ActivationStore? = nil, shift: [Float]? = nil, rate: [Float]? = nil
    ) {
        let channels = value.shape[-1]
        self.value = value
        self.offset = offset
        self.shift = shift ?? [Float](repeating: 0, count: channels)
        self.rate = rate ?? [Float](repeating: 1, count: channels)
    }

    /// Lets the body ask for single values of one image, by their place.
    func withValues(_ image: Int, _ body: ((Int) -> Float) -> Void) {
        let channels = rate.count
        value.withValues(image) { value in
            func look(_ offset: UnsafePointer<Float>?) {
                body { place in
                    let channel = place % channels
                    return (value[place] - (offset?[place] ?? 0) - shift[channel]) * rate[channel]
                }
            }
            if let offset { offset.withValues(image) { look($0) } } else { look(nil) }
        }
    }
}

/// A convolution, or a dense layer as one, with the maps that enter it and what is to leave it.
package struct MomentSource: Sendable {
    /// The layer.
    package let convolution: Convolution
    /// The maps that enter it.
    package let inputs: ActivationStore
    let target: MomentTarget

    /// The shape of what leaves the layer.
    package var outputs: Shape { target.value.shape }

    /// - Parameters:
    ///   - convolution: the layer.
    ///   - inputs: the maps that enter it.
    ///   - target: what is to leave it.
    package init(_ convolution: Convolution, inputs: ActivationStore, target: MomentTarget) {
        self.convolution = convolution
        self.inputs = inputs
        self.target = target
    }

    /// The sums over every `stride`-th position of these images, counted through all of them, for each group of
    /// channels. Parts are added up in order: the result does not depend on the number of workers.
    package func sums(images: [Int], stride: Int, workers: Int) throws -> [MomentSums] {
        let sampler = Sampler(self, stride: max(stride, 1))
        let pivots = sampler.pivots(images)
        let result = Accumulated(pivots.map { MomentSums(inputPivot: $0.input, outputPivot: $0.output) })
        try inOrder(
            count: images.count, part: sampler.imagesPerPart, workers: workers,
            work: { try sampler.blocks(images, $0, pivots) },
            merge: { for (group, block) in $0.enumerated() { result.sums[group].add(block) } })
        return result.sums
    }

    private final class Accumulated {
        var sums: [MomentSums]
        init(_ sums: [MomentSums]) { self.sums = sums }
    }
}

/// A group's sampled rows of x, [rows, inputs], and u, [rows, outputs].
private struct Rows: Sendable {
    var x: [Float]
    var u: [Float]
}

/// What is subtracted from a group's x and u.
private typealias Pivot = (input: [Float], output: [Float])

/// Gathers the rows of a block.
private struct Sampler: Sendable {
    let source: MomentSource
    let patches: Patches
    let stride: Int
    let positions: Int
    let inputs: Int
    let outputs: Int
    let groups: Int

    init(_ source: MomentSource, stride: Int) {
        let convolution = source.convolution
        self.source = source
        self.stride = stride
        groups = convolution.groups
        outputs = convolution.outputs / groups
        inputs = convolution.filterSize
        positions = source.outputs.count / convolution.outputs
        patches = Patches(convolution, input: source.inputs.shape.asMap, output: source.outputs.asMap)
    }

    /// Enough images for blocks of about 4,096 rows, whose products cost more than their addition.
    var imagesPerPart: Int { max(1, 4096 * stride / max(positions, 1)) }

    /// The means over a few positions of the first images: near enough to the true ones.
    func pivots(_ images: [Int]) -> [Pivot] {
        let some = Array(images.prefix(4))
        let zero = (
            input: [Float](repeating: 0, count: inputs), output: [Float](repeating: 0, count: outputs)
        )
        return gather(some, 0..<some.count, [Pivot](repeating: zero, count: groups)).map { rows in
            (mean(rows.x, inputs), mean(rows.u, outputs))
        }
    }

    private func mean(_ values: [Float], _ width: Int) -> [Float] {
        let rows = Double(max(values.count / max(width, 1), 1))
        return columnSums(values, width).map { Float($0 / rows) }
    }

    func blocks(_ images: [Int], _ range: Range<Int>, _ pivots: [Pivot]) throws -> [MomentBlock] {
        try gather(images, range, pivots).map { rows in
            let count = rows.u.count / outputs
            var block = MomentBlock(
                count: count, inputSum: columnSums(rows.x, inputs), outputSum: columnSums(rows.u, outputs),
                squares: [Float](repeating: 0, count: inputs * inputs),
                products: [Float](repeating: 0, count: outputs * inputs))
            guard count > 0 else { return block }
            try check(
                "matrix product",
                nc_add_products(
                    rows.x, rows.x, &block.squares, Int64(count), Int64(inputs), Int64(inputs)))
            try check(
                "matrix product",
                nc_add_products(
                    rows.u, rows.x, &block.products, Int64(count), Int64(outputs), Int64(inputs)))
            return block
        }
    }

    /// The sampled rows of some images, minus the pivots, group by group.
    private func gather(_ images: [Int], _ range: Range<Int>, _ pivots: [Pivot]) -> [Rows] {
        // Positions are counted through all images, so that each image has others.
        let sampled = range.map { place in
            let first = (stride - place * positions % stride) % stride
            return (images[place], Swift.stride(from: first, to: positions, by: stride))
        }
        let count = sampled.reduce(0) { $0 + $1.1.underestimatedCount }
        var rows = [Rows](
            repeating: Rows(
                x: [Float](repeating: 0, count: count * inputs),
                u: [Float](repeating: 0, count: count * outputs)), count: groups)
        var row = 0
        for (image, places) in sampled {
            source.inputs.withValues(image) { map in
                source.target.withValues(image) { target in
                    for group in 0..<groups {
                        for (offset, position) in places.enumerated() {
                            rows[group].x.withUnsafeMutableBufferPointer { x in
                                guard let start = x.baseAddress else { return }
                                patches.write(
                                    map, position: position, group: group, pivot: pivots[group].input,
                                    to: start + (row + offset) * inputs)
                            }
                            let start = (position * groups + group) * outputs
                            for output in 0..<outputs {
                                rows[group].u[(row + offset) * outputs + output] =
                                    target(start + output) - pivots[group].output[output]
                            }
                        }
                    }
                }
            }
            row += places.underestimatedCount
        }
        return rows
    }

    private func columnSums(_ values: [Float], _ width: Int) -> [Double] {
        var sums = [Double](repeating: 0, count: width)
        for start in Swift.stride(from: 0, to: values.count, by: max(width, 1)) {
            for column in 0..<width { sums[column] += Double(values[start + column]) }
        }
        return sums
    }
}

extension Shape {
    /// A map's own shape; a vector as a map of one position, anything else as one row of positions.
    package var asMap: Shape {
        rank == 3 ? self : [1, self.count / max(self[-1], 1), self[-1]]
    }
}
