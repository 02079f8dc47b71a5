import Tensors
import Testing

@testable import Networks

@Suite("Shapes and margins")
struct ShapesTests {
    static func convolution(
        size: Int = 3, stride: Int = 1, dilation: Int = 1, padding: Padding, inputs: Int = 4, groups: Int = 1
    ) -> Convolution {
        Convolution(
            kernel: "k", kernelLayout: .hwio, bias: nil, inputs: inputs, outputs: 8, size: Extent(size),
            strides: Extent(stride), dilation: Extent(dilation), groups: groups, padding: padding)
    }

    /// An input of 4 channels and one operation on it, `operands` times.
    static func network(_ operation: Networks.Operation, operands: Int = 1) -> Network {
        Network(
            name: "n", architecture: "", family: .keras,
            input: Network.Input(height: nil, width: nil, channels: 4),
            nodes: [
                Node(layer: "in", operation: .input, inputs: []),
                Node(layer: "x", operation: operation, inputs: Array(repeating: 0, count: operands)),
            ], output: 1)
    }

    static func shape(_ operation: Networks.Operation, height: Int = 8, width: Int = 7) throws -> Shape {
        try network(operation).shapes(height: height, width: width)[1]
    }

    /// Input extent, size, stride, dilation; output extent and margins by `tf.nn.conv2d`'s documented rule.
    @Test(
        "\"same\" gives ⌈n / stride⌉ outputs, the odd element of the margin behind",
        arguments: [
            (8, 3, 1, 1, 8, 1, 1), (8, 3, 2, 1, 4, 0, 1), (7, 3, 2, 1, 4, 1, 1), (8, 2, 1, 1, 8, 0, 1),
            (8, 1, 2, 1, 4, 0, 0), (9, 3, 1, 2, 9, 2, 2), (8, 7, 2, 1, 4, 2, 3), (5, 2, 3, 1, 2, 0, 0),
            (1, 3, 4, 1, 1, 1, 1), (224, 7, 2, 1, 112, 2, 3),
        ])
    func same(input: Int, size: Int, stride: Int, dilation: Int, output: Int, before: Int, after: Int) {
        let convolution = Self.convolution(size: size, stride: stride, dilation: dilation, padding: .same)
        let margins = convolution.resolvedMargins(of: Extent(input))
        #expect(margins == Margins(top: before, bottom: after, left: before, right: after))
        #expect(convolution.outputExtent(of: Extent(input)) == Extent(output))
    }

    @Test("explicit margins give ⌊(n + margins − span) / stride⌋ + 1 outputs")
    func explicit() throws {
        let stem = Self.convolution(size: 7, stride: 2, padding: .margins(Margins(3)))
        #expect(try Self.shape(.convolution(stem), height: 224, width: 225) == [112, 113, 8])
        let dilated = Self.convolution(dilation: 3, padding: .valid)
        #expect(try Self.shape(.convolution(dilated), height: 8, width: 7) == [2, 1, 8])
        let pool = Pool(
            kind: .maximum, size: Extent(3), strides: Extent(2),
            padding: .margins(Margins(top: 0, bottom: 1, left: 1, right: 0)))
        #expect(try Self.shape(.pool(pool)) == [4, 3, 4])
    }

    @Test("every operation has the shape that its definition gives")
    func operations() throws {
        let margins = Margins(top: 1, bottom: 2, left: 3, right: 4)
        #expect(try Self.shape(.zeroPad(margins)) == [11, 14, 4])
        #expect(try Self.shape(.padChannels(before: 1, after: 2)) == [8, 7, 7])
        #expect(try Self.shape(.globalPool(.average, keepsDimensions: true)) == [1, 1, 4])
        #expect(try Self.shape(.globalPool(.maximum, keepsDimensions: false)) == [4])
        #expect(try Self.shape(.flatten) == [224])
        #expect(try Self.shape(.reshape([-1, 4])) == [56, 4])
        #expect(try Self.shape(.activation(.softmax)) == [8, 7, 4])
        #expect(try Self.shape(.scaleShift(scale: [1], offset: [1, 2, 3, 4])) == [8, 7, 4])
        let dense = Dense(kernel: "k", kernelIsTransposed: false, bias: nil, inputs: 4, outputs: 9)
        #expect(try Self.shape(.dense(dense)) == [8, 7, 9])
        #expect(try Self.network(.concatenate, operands: 3).shapes(height: 2, width: 2)[1] == [2, 2, 12])
    }

    @Test("vectors and 1×1 maps are broadcast over a map, in either order")
    func broadcast() throws {
        for keepsDimensions in [true, false] {
            for inputs in [[0, 1], [1, 0]] {
                var network = Self.network(.globalPool(.average, keepsDimensions: keepsDimensions))
                network.nodes.append(Node(layer: "scale", operation: .multiply, inputs: inputs))
                #expect(try network.shapes(height: 8, width: 7)[2] == [8, 7, 4])
            }
        }
    }

    @Test(
        "operands that do not fit are refused, naming the layer",
        arguments: [
            .convolution(convolution(padding: .same, inputs: 5)),
            .convolution(convolution(padding: .same, groups: 3)),
            .convolution(convolution(padding: .same, groups: 0)),
            .convolution(convolution(size: 9, padding: .valid)),
            .convolution(convolution(size: .max, dilation: .max, padding: .same)),
            .convolution(convolution(size: 0, padding: .valid)),
            .convolution(convolution(stride: 0, padding: .same)),
            .convolution(convolution(padding: .margins(Margins(.max)))),
            .convolution(convolution(padding: .margins(Margins(-1)))),
            .pool(
                Pool(kind: .average, size: Extent(2), strides: Extent(1), padding: .margins(Margins(2)))),
            .dense(Dense(kernel: "k", kernelIsTransposed: false, bias: nil, inputs: 5, outputs: 1)),
            .batchNorm(BatchNorm(gamma: nil, beta: nil, mean: "m", variance: "v", epsilon: 0, channels: 5)),
            .groupNorm(GroupNorm(gamma: nil, beta: nil, groups: 3, epsilon: 0, channels: 4)),
            .layerNorm(LayerNorm(gamma: nil, beta: nil, epsilon: 0, channels: 3)),
            .zeroPad(Margins(.max)), .padChannels(before: .max, after: 1), .padChannels(before: -1, after: 1),
            .reshape([-1, 5]), .reshape([-1, -1]), .reshape([3]), .reshape([]), .reshape([0, -1]),
            .reshape([.max, .max]), .scaleShift(scale: [1, 2], offset: [0]), .add, .multiply, .input,
        ] as [Networks.Operation])
    func mismatch(operation: Networks.Operation) {
        let error = #expect(throws: NetworkError.self) { try Self.shape(operation) }
        guard case .shapeMismatch(layer: "x", _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("an image of other extents than the file's is refused, and so is a node that comes too late")
    func input() {
        var network = Self.network(.flatten)
        network.input.height = 32
        #expect(
            throws: NetworkError.shapeMismatch(layer: "in", found: "31×32×4", expected: "32×any×4")
        ) { try network.shapes(height: 31, width: 32) }
        network.nodes[1].inputs = [1]
        #expect(throws: NetworkError.self) { try network.shapes(height: 32, width: 32) }
        network.nodes[1].inputs = [0]
        network.output = 2
        #expect(throws: NetworkError.self) { try network.shapes(height: 32, width: 32) }
        #expect(throws: NetworkError.self) { try network.shapes(height: 32, width: 0) }
    }
}
