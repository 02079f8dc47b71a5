import Networks
import Tensors
import Testing

@testable import Training
@testable import Calibration
@testable import Inference

@Suite("Activations of many images")
struct ActivationTests {
    private func store(_ images: Tensor, _ precision: ActivationStore.Precision = .single) throws
        -> ActivationStore
    {
        let shape = Shape(Array(images.shape.extents.dropFirst()))
        let store = try ActivationStore(shape: shape, count: images.shape[0], precision: precision)
        images.values.withUnsafeBufferPointer { store.store(0..<images.shape[0], $0) }
        return store
    }

    @Test("come back as they were kept, in single precision to the bit, in half to 11 bits")
    func precision() throws {
        let images = Graph([3, 2, 5]).images(4)
        #expect(try store(images).values(1..<3) == Array(images.values[30..<90]))
        let half = try store(images, .half).values(0..<4)
        for (found, expected) in zip(half, images.values) {
            #expect(abs(found - expected) <= abs(expected) / 2048 + 1e-7)
        }
        // What half precision cannot hold stays at its largest number instead of becoming infinite.
        let large = try store(Tensor(shape: [1, 1, 1, 2], values: [1e6, -1e6]), .half)
        #expect(large.values(0..<1) == [65_504, -65_504])
    }

    /// A convolution's outputs follow from the patches that enter it, so that Cov[u, x] = W·Cov[x, x] if patches and
    /// filters have one order, whatever the stride, the padding, the groups and the layout.
    @Test(
        "patches stand in the order of the filters",
        arguments: [(1, KernelLayout.oihw), (2, .oihw), (1, .hwio), (2, .hwio), (4, .hwim)], [1, 2])
    func patches(kind: (groups: Int, layout: KernelLayout), strides: Int) throws {
        var graph = Graph([7, 6, 4])
        graph.convolution(
            0, 4, 8, size: Extent(height: 3, width: 2), strides: strides, groups: kind.groups,
            layout: kind.layout, padding: .margins(Margins(top: 1, bottom: 1, left: 0, right: 1)))
        guard case .convolution(let convolution) = graph.nodes[1].operation else { return }
        let images = graph.images(6)
        let shape = try graph.network.shapes(forImage: graph.imageShape)[1]
        let outputs = try graph.reference().run(on: ImageSource(images))
        let target = try store(Tensor(shape: Shape([6] + shape.extents), values: outputs))
        let source = MomentSource(
            convolution, inputs: try store(images), target: MomentTarget(value: target))
        let filters = convolution.filters(graph.tensors[0].tensor.values).map(Double.init)
        for (group, sums) in try source.sums(images: Array(0..<6), stride: 1, workers: 2).enumerated() {
            let (size, own) = (convolution.filterSize, 8 / kind.groups)
            #expect(sums.count == 6 * shape.count / 8)
            for output in 0..<own {
                let filter = filters[(group * own + output) * size..<(group * own + output + 1) * size]
                for column in 0..<size {
                    // Σ(u − p)(x − q)ᵀ with u = Wx: W·Σ(x − q)(x − q)ᵀ + (Wq − p)·Σ(x − q)ᵀ.
                    let (first, pivot) = (filter.startIndex, sums.inputPivot)
                    let shift =
                        (0..<size).reduce(0) { $0 + filter[first + $1] * Double(pivot[$1]) }
                        - Double(sums.outputPivot[output])
                    let expected =
                        (0..<size).reduce(shift * sums.inputSum[column]) {
                            $0 + filter[first + $1] * sums.squares[$1 * size + column]
                        }
                    let found = sums.products[output * size + column]
                    #expect(abs(found - expected) <= 1e-3, "\(found) \(expected)")
                }
            }
        }
    }

    @Test("every so many positions are sampled, counted through all images")
    func sampling() throws {
        var graph = Graph([4, 5, 3])
        graph.convolution(0, 3, 2)
        guard case .convolution(let convolution) = graph.nodes[1].operation else { return }
        let target = try store(Tensor(shape: [5, 4, 5, 2], repeating: 1))
        let source = MomentSource(
            convolution, inputs: try store(graph.images(5)), target: MomentTarget(value: target))
        let counts = try [1, 3, 7, 1000].map {
            try source.sums(images: Array(0..<5), stride: $0, workers: 2)[0].count
        }
        #expect(counts == [100, 34, 15, 1])
    }

    @Test("sums are the same to the bit for any number of workers")
    func workers() throws {
        var graph = Graph([8, 8, 4])
        graph.convolution(0, 4, 8)
        guard case .convolution(let convolution) = graph.nodes[1].operation else { return }
        let images = try store(graph.images(200))
        let target = try store(
            Tensor(shape: [200, 8, 8, 8], values: (0..<102_400).map { Float($0 * 7 % 13) - Float($0 % 5) }))
        let source = MomentSource(convolution, inputs: images, target: MomentTarget(value: target))
        let expected = try source.sums(images: Array(0..<200), stride: 1, workers: 1)[0]
        for workers in [2, 7] {
            let found = try source.sums(images: Array(0..<200), stride: 1, workers: workers)[0]
            #expect(found.squares == expected.squares && found.products == expected.products)
        }
    }

    @Test("a section computes what the whole network does, from values in the middle")
    func section() throws {
        var graph = Graph([6, 5, 4])
        let stem = graph.add(.activation(.relu), graph.groupNorm(graph.convolution(0, 4, 6), 6, groups: 2))
        let branch = graph.batchNorm(graph.convolution(stem, 6, 6), 6)
        let sum = graph.add(.add, branch, stem)
        graph.add(.globalPool(.average, keepsDimensions: false), graph.add(.activation(.relu), sum))
        let images = graph.images(5)
        let shapes = try graph.network.shapes(forImage: graph.imageShape)
        let reference = try graph.reference()
        let values = (0..<5).map { image in
            reference.values(
                for: Tensor(
                    shape: graph.imageShape, values: Array(images.values[image * 120..<(image + 1) * 120])))
        }
        func expected(_ node: Int) -> [Float] { values.flatMap { $0[node].values } }
        let sections = [
            Section(from: [0], to: [1, 2, 3, 4, 5, 6, 7, 8]), Section(from: [stem], to: [branch, sum]),
            Section(from: [stem, branch], to: [8, stem]), Section(from: [2], to: [stem, 4]),
        ]
        for section in sections {
            let inputs = try section.inputs.map { node in
                try store(Tensor(shape: Shape([5] + shapes[node].extents), values: expected(node)))
            }
            let outputs = try section.outputs.map { try ActivationStore(shape: shapes[$0], count: 5) }
            let engine = try OneDNNSection(
                section, of: graph.network, parameters: graph.parameters, shapes: shapes)
            try engine.run(
                count: 5,
                load: { range, buffers in
                    for (store, buffer) in zip(inputs, buffers) { store.load(range, buffer) }
                },
                store: { range, buffers in
                    for (store, buffer) in zip(outputs, buffers) { store.store(range, buffer) }
                })
            for (node, output) in zip(section.outputs, outputs) {
                let worst = zip(output.values(0..<5), expected(node)).map { abs($0 - $1) }.max() ?? 1
                #expect(worst < 1e-4, "node \(node) of \(section)")
            }
        }
    }

    @Test("a part's error comes through, and nothing is merged after it")
    func failure() throws {
        struct Failure: Error {}
        let merged = SharedResults(count: 10)
        #expect(throws: Failure.self) {
            try inOrder(
                count: 10, part: 1, workers: 2,
                work: { range in
                    if range.lowerBound == 4 { throw Failure() }
                    return range.lowerBound
                }, merge: { merged.store([1], at: $0) })
        }
        #expect(merged.values[4...].allSatisfy { $0 == 0 })
    }
}
