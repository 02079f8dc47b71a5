import Networks
import Tensors

@testable import Inference

/// A small network that a test puts together node by node, with parameters of its own.
struct Graph {
    /// Node 0 is the input.
    private(set) var nodes = [Node(layer: "input", operation: .input, inputs: [])]
    var tensors: [(name: String, tensor: Tensor)] = []
    let imageShape: Shape
    private var random: SplitMix64

    /// A graph for images of one shape: height, width, channels, or with a depth before them.
    init(_ imageShape: Shape, seed: UInt64 = 1) {
        self.imageShape = imageShape
        random = SplitMix64(seed: seed)
    }

    /// The last node is the output.
    var network: Network {
        Network(
            name: "test", architecture: "test", family: .keras,
            input: Network.Input(
                extents: Array(repeating: nil, count: imageShape.rank - 1), channels: imageShape[-1]),
            nodes: nodes,
            output: nodes.count - 1)
    }

    var parameters: ParameterTable {
        ParameterTable(
            tensors.map { name, tensor in
                Parameter(name: name, shape: tensor.shape, elementType: .float32) { tensor }
            })
    }

    @discardableResult
    mutating func add(_ operation: Networks.Operation, _ inputs: Int...) -> Int {
        nodes.append(Node(layer: "node\(nodes.count)", operation: operation, inputs: inputs))
        return nodes.count - 1
    }

    /// Makes a parameter and returns its name.
    mutating func parameter(_ tensor: Tensor) -> String {
        tensors.append((name: "p\(tensors.count)", tensor: tensor))
        return "p\(tensors.count - 1)"
    }

    /// Changes one value of a parameter.
    mutating func set(_ name: String, _ index: Int, _ value: Float) {
        guard let place = tensors.firstIndex(where: { $0.name == name }) else { return }
        tensors[place].tensor.values[index] = value
    }

    /// Makes a parameter of random values in a range and returns its name.
    mutating func randomParameter(_ shape: Shape, in range: ClosedRange<Float> = -1...1) -> String {
        parameter(.random(shape, in: range, using: &random))
    }

    @discardableResult
    mutating func convolution(
        _ input: Int, _ inputs: Int, _ outputs: Int, size: Extent = Extent(3),
        strides: Int = 1, dilation: Int = 1, groups: Int = 1, layout: KernelLayout = .hwio,
        padding: Padding = .same, bias: Bool = false
    ) -> Int {
        var convolution = Convolution(
            kernel: "", kernelLayout: layout, bias: nil, inputs: inputs, outputs: outputs, size: size,
            strides: Extent(strides), dilation: Extent(dilation), groups: groups, padding: padding)
        convolution.kernel = randomParameter(convolution.kernelShape ?? [])
        if bias { convolution.bias = randomParameter([outputs]) }
        return add(.convolution(convolution), input)
    }

    @discardableResult
    mutating func transposedConvolution(
        _ convolution: TransposedConvolution, _ input: Int, hasBias: Bool = false
    ) -> Int {
        var convolution = convolution
        convolution.kernel = randomParameter(convolution.kernelShape ?? [])
        if hasBias { convolution.bias = randomParameter([convolution.outputs]) }
        return add(.transposedConvolution(convolution), input)
    }

    @discardableResult
    mutating func dense(_ input: Int, _ inputs: Int, _ outputs: Int, transposed: Bool = false) -> Int {
        let kernel = randomParameter(transposed ? [outputs, inputs] : [inputs, outputs])
        let bias = randomParameter([outputs])
        return add(
            .dense(
                Dense(
                    kernel: kernel, kernelIsTransposed: transposed, bias: bias, inputs: inputs,
                    outputs: outputs)), input)
    }

    @discardableResult
    mutating func batchNorm(_ input: Int, _ channels: Int) -> Int {
        let gamma = randomParameter([channels])
        let beta = randomParameter([channels])
        let mean = randomParameter([channels])
        let variance = randomParameter([channels], in: 0.5...2)
        return add(
            .batchNorm(
                BatchNorm(
                    gamma: gamma, beta: beta, mean: mean, variance: variance, epsilon: 1e-3,
                    channels: channels)), input)
    }

    @discardableResult
    mutating func groupNorm(_ input: Int, _ channels: Int, groups: Int, epsilon: Double = 1e-5) -> Int {
        let gamma = randomParameter([channels])
        let beta = randomParameter([channels])
        return add(
            .groupNorm(
                GroupNorm(gamma: gamma, beta: beta, groups: groups, epsilon: epsilon, channels: channels)),
            input)
    }
}

extension Graph {
    func images(_ count: Int, seed: UInt64 = 99) -> Tensor {
        var random = SplitMix64(seed: seed)
        return .random(Shape([count] + imageShape.extents), using: &random)
    }

    func reference() throws -> ReferenceEngine {
        try ReferenceEngine(network: network, parameters: parameters, imageShape: imageShape)
    }

    func oneDNN(workers: Int = 2) throws -> OneDNNEngine {
        try OneDNNEngine(
            network: network, parameters: parameters, imageShape: imageShape, workers: workers)
    }

    /// The reference engine's output for one image.
    func output(_ image: [Float]) throws -> Tensor {
        try reference().values(for: Tensor(shape: imageShape, values: image))[nodes.count - 1]
    }

    /// The largest difference of an element between the two engines on random images, in units of the largest
    /// magnitude of the reference's outputs.
    func disagreement(images count: Int = 3) throws -> Float {
        let source = ImageSource(images(count))
        let expected = try reference().run(on: source)
        let found = try oneDNN().run(on: source)
        let scale = expected.map(abs).max() ?? 0
        // Outputs that are all zero would agree whatever is computed.
        guard scale > 0, found.count == expected.count else { return .infinity }
        return zip(found, expected).map { abs($0 - $1) / scale }.reduce(0) { $1 <= $0 ? $0 : $1 }
    }

    /// What the fast engine makes of the network.
    func program() throws -> Program {
        try Lowering.program(
            for: network, Section(whole: network), shapes: network.shapes(forImage: imageShape),
            weights: Weights(parameters))
    }
}

extension Tensor {
    /// Uniform random values.
    static func random(
        _ shape: Shape, in range: ClosedRange<Float> = -1...1, using random: inout SplitMix64
    ) -> Tensor {
        Tensor(shape: shape, values: (0..<shape.count).map { _ in Float.random(in: range, using: &random) })
    }
}

extension Graph {
    /// A dozen operations of all that is fused, on maps of one shape.
    static func random(seed: UInt64, rows: Int = 6, columns: Int = 5) -> Graph {
        var random = SplitMix64(seed: seed)
        var graph = Graph([rows, columns, 6], seed: seed)
        var maps = [0]
        func pick() -> Int { maps.randomElement(using: &random) ?? 0 }
        for _ in 0..<12 {
            let node =
                switch Int.random(in: 0..<10, using: &random) {
                case 0, 1: graph.convolution(pick(), 6, 6)
                case 8:
                    graph.convolution(
                        graph.convolution(pick(), 6, 20, size: Extent(1)), 20, 6, size: Extent(1))
                case 9: graph.groupNorm(graph.convolution(pick(), 6, 6, size: Extent(1)), 6, groups: 2)
                case 2: graph.batchNorm(pick(), 6)
                case 3: graph.groupNorm(pick(), 6, groups: 3)
                case 4: graph.add(.add, pick(), pick())
                case 5: graph.add(.add, maps[maps.count - 1], pick(), pick())
                case 6: graph.add(.activation(.relu), maps[maps.count - 1])
                default:
                    graph.convolution(graph.add(.zeroPad(Margins(1)), pick()), 6, 6, padding: .valid)
                }
            maps.append(node)
        }
        graph.add(.flatten, graph.groupNorm(graph.add(.add, maps[maps.count - 1], pick()), 6, groups: 2))
        return graph
    }
}
