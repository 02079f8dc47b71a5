import Networks
import Tensors
import Testing

@testable import Inference

@Suite("Volumes")
struct VolumeTests {
    private static let shape: Shape = [5, 6, 7, 4]

    private static func convolution(
        _ size: Extent, strides: Extent = Extent(1), dilation: Extent = Extent(1), groups: Int = 1,
        outputs: Int = 6, layout: KernelLayout = .hwio, padding: Padding
    ) -> Convolution {
        Convolution(
            kernel: "", kernelLayout: layout, bias: nil, inputs: 4, outputs: outputs, size: size,
            strides: strides, dilation: dilation, groups: groups, padding: padding, dimensions: 3)
    }

    private static func graph(_ convolution: Convolution, _ shape: Shape = shape) -> Graph {
        var (graph, convolution) = (Graph(shape), convolution)
        convolution.kernel = graph.randomParameter(convolution.kernelShape ?? [])
        convolution.bias = graph.randomParameter([convolution.outputs])
        graph.add(.convolution(convolution), 0)
        return graph
    }

    /// Element by element in Double: y[d, r, c, o] = b[o] + Σ x·w over the taps inside the volume. Kernels are
    /// [depth, rows, columns, inputs, outputs].
    private static func closedForm(
        _ x: Tensor, _ w: Tensor, _ b: Tensor, strides: [Int], before: [Int], _ shape: Shape
    ) -> [Float] {
        var y: [Float] = []
        for d in 0..<shape[0] {
            for r in 0..<shape[1] {
                for c in 0..<shape[2] {
                    for o in 0..<shape[3] {
                        var sum = Double(b.values[o])
                        for tap in 0..<w.shape[0] * w.shape[1] * w.shape[2] {
                            let z = d * strides[0] + tap / (w.shape[1] * w.shape[2]) - before[0]
                            let i = r * strides[1] + tap / w.shape[2] % w.shape[1] - before[1]
                            let j = c * strides[2] + tap % w.shape[2] - before[2]
                            let isInside =
                                (0..<x.shape[0]).contains(z) && (0..<x.shape[1]).contains(i)
                                && (0..<x.shape[2]).contains(j)
                            guard isInside else { continue }
                            for k in 0..<x.shape[3] {
                                let value = x.values[
                                    ((z * x.shape[1] + i) * x.shape[2] + j) * x.shape[3] + k]
                                sum +=
                                    Double(value) * Double(w.values[(tap * x.shape[3] + k) * shape[3] + o])
                            }
                        }
                        y.append(Float(sum))
                    }
                }
            }
        }
        return y
    }

    @Test(
        "A convolution is the sum over depth, rows and columns, with both engines: within 1e-6 of the largest value"
    )
    func closedForm() throws {
        let margins = Margins([(1, 0), (0, 2), (2, 1)])
        let graph = Self.graph(
            Self.convolution(
                Extent([3, 2, 4]), strides: Extent([2, 1, 3]), padding: .margins(margins)))
        let image = Tensor(shape: Self.shape, values: graph.images(1).values)
        let output = try graph.network.shapes(forImage: Self.shape)[1]
        #expect(output == [2, 7, 3, 6])
        let expected = Self.closedForm(
            image, graph.tensors[0].tensor, graph.tensors[1].tensor, strides: [2, 1, 3], before: [1, 0, 2],
            output)
        let largest = expected.map(abs).max() ?? 0
        let source = ImageSource(graph.images(1))
        for found in [try graph.reference().run(on: source), try graph.oneDNN().run(on: source)] {
            #expect(found.count == expected.count)
            for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1e-6 * largest) }
        }
    }

    @Test(
        "Convolutions of all layouts, strides, dilations and groups: the engines agree within 1e-5",
        arguments: [KernelLayout.hwio, .oihw], [Padding.same, .valid])
    func convolutions(layout: KernelLayout, padding: Padding) throws {
        for (size, strides, dilation, groups) in [
            (Extent([3, 3, 3]), Extent(1), Extent(1), 1),
            (Extent([3, 3, 3]), Extent([2, 2, 2]), Extent(1), 2),
            (Extent([1, 3, 3]), Extent([1, 2, 2]), Extent(1), 1),
            (Extent([3, 1, 1]), Extent(1), Extent(1), 1),
            (Extent([2, 2, 2]), Extent(1), Extent([2, 3, 1]), 1),
            (Extent([1, 1, 1]), Extent(1), Extent(1), 1),
        ] {
            let convolution = Self.convolution(
                size, strides: strides, dilation: dilation, groups: groups, layout: layout, padding: padding)
            #expect(try Self.graph(convolution).disagreement() <= 1e-5)
        }
    }

    @Test("3×3 kernels of depth 1 on many channels see one map at a time")
    func maps() throws {
        var convolution = Self.convolution(Extent([1, 3, 3]), outputs: 32, padding: .same)
        convolution.inputs = 32
        #expect(try Self.graph(convolution, [3, 9, 8, 32]).disagreement() <= 1e-5)
    }

    @Test(
        "Norms, pools, margins and sums: the engines agree within 1e-5",
        arguments: [Pool.Kind.maximum, .average])
    func operations(kind: Pool.Kind) throws {
        var graph = Self.graph(Self.convolution(Extent([3, 3, 3]), padding: .same))
        let pool = Pool(kind: kind, size: Extent([2, 3, 2]), strides: Extent([2, 1, 2]), padding: .same)
        let normed = graph.batchNorm(1, 6)
        let sum = graph.add(.add, normed, graph.groupNorm(1, 6, groups: 2))
        let padded = graph.add(.zeroPad(Margins([(1, 2), (0, 1), (2, 0)])), graph.add(.pool(pool), sum))
        let inside = Pool(kind: kind, size: Extent([2, 2, 2]), strides: Extent([1, 1, 1]), padding: .valid)
        let pooled = graph.add(.pool(inside), padded)
        let features = graph.add(.globalPool(kind, keepsDimensions: true), pooled)
        graph.add(.multiply, padded, features)
        #expect(try graph.network.shapes(forImage: Self.shape).last == [6, 7, 6, 6])
        #expect(try graph.disagreement() <= 1e-5)
    }

    @Test("An average counts the elements inside the volume, a maximum takes theirs")
    func pools() throws {
        // A volume of 2×2×2 with the values 1 to 8: same windows of 2 begin at each element.
        let image = Tensor(shape: [2, 2, 2, 1], values: (1...8).map(Float.init))
        let expected: [Pool.Kind: [Float]] = [
            .maximum: [8, 8, 8, 8, 8, 8, 8, 8], .average: [4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8],
        ]
        for (kind, values) in expected {
            var graph = Graph([2, 2, 2, 1])
            graph.add(
                .pool(Pool(kind: kind, size: Extent([2, 2, 2]), strides: Extent(1), padding: .same)), 0)
            let source = ImageSource(image.reshaped([1, 2, 2, 2, 1]))
            #expect(try graph.reference().run(on: source) == values)
            #expect(try graph.oneDNN().run(on: source) == values)
        }
    }

    @Test("Outputs are the same to the bit for any number of workers")
    func workers() throws {
        var graph = Self.graph(Self.convolution(Extent([3, 3, 3]), padding: .same))
        graph.groupNorm(1, 6, groups: 3)
        let source = ImageSource(graph.images(7))
        let one = try graph.oneDNN(workers: 1).run(on: source)
        #expect(try graph.oneDNN(workers: 3).run(on: source) == one)
    }

    @Test("Images for a network of volumes are refused, and the other way round")
    func ranks() throws {
        let volumes = Self.graph(Self.convolution(Extent([1, 1, 1]), padding: .same))
        #expect {
            try volumes.network.shapes(forImage: [6, 7, 4])
        } throws: { error in
            "\(error)".contains("any×any×any×4")
        }
        var images = Graph([6, 7, 4])
        images.convolution(0, 4, 6)
        #expect(throws: NetworkError.self) { try images.network.shapes(forImage: Self.shape) }
        // A planar kernel does not see volumes.
        var planar = Graph(Self.shape)
        planar.convolution(0, 4, 6)
        #expect {
            try planar.network.shapes(forImage: Self.shape)
        } throws: { error in
            "\(error)".contains("height×width×channels")
        }
    }
}
