import Tensors
import Testing

@testable import Networks

/// Norms and convolutions of networks that nobody knows.
struct PairRecognitionTests {
    @Test("convolutions are found by the names of their norms, where the channels agree")
    func torch() throws {
        let recognition = try recognizeNames(
            parameters: table([
                "enc.conv_a.weight": [4, 3, 3, 3], "enc.bn_a.weight": [4], "enc.bn_a.bias": [4],
                "enc.bn_a.running_mean": [4], "enc.bn_a.running_var": [4],
                "enc.bn_a.num_batches_tracked": [],
                "dec.0.weight": [6, 4, 1, 1], "dec.0.bias": [6], "dec.1.running_mean": [6],
                "dec.1.running_var": [6],
                "other.conv.weight": [5, 4, 1, 1], "other.norm.running_mean": [6],
                "other.norm.running_var": [6],
                "head.weight": [10, 6],
            ]))
        let network = recognition.network
        #expect(!network.isComplete)
        #expect(recognition.unused == ["head.weight", "other.conv.weight"])
        #expect(
            network.possiblePairs == [
                "enc.bn_a": .init("enc.conv_a", .assumed(because: .names)),
                "dec.1": .init("dec.0", .assumed(because: .names)),
            ])
        // The graph connects none of them.
        #expect(ConvolutionNormPairs(network).convolutionBefore.isEmpty)
        #expect(
            ConvolutionNormPairs(network).exemptions.values.contains(
                .unproven(norm: "dec.1", basis: .assumed(because: .names))))
    }

    @Test("so do those of 1-D and 3-D convolutions", arguments: [1, 2, 3])
    func dimensions(count: Int) throws {
        let extents = Array(repeating: 3, count: count)
        let (kernel, shape) = ("conv\(count)d_1", Shape(extents + [2, 8]))
        let recognition = try recognizeNames(
            parameters: table([
                "\(kernel)/kernel": shape, "conv\(count)d_2/kernel": shape,
                "batch_normalization_1/gamma": [8], "batch_normalization_1/beta": [8],
                "batch_normalization_1/moving_mean": [8], "batch_normalization_1/moving_variance": [8],
            ]))
        #expect(
            recognition.network.possiblePairs == [
                "batch_normalization_1": .init(kernel, .assumed(because: .numbers))
            ])
    }

    @Test("Keras' default names pair by number, which is no proof; its ε is Keras'")
    func keras() throws {
        let recognition = try recognizeNames(
            parameters: table([
                "conv2d_1/kernel": [3, 3, 2, 8], "conv2d_2/kernel": [3, 3, 2, 8],
                "batch_normalization_1/gamma": [8],
                "batch_normalization_1/beta": [8], "batch_normalization_1/moving_mean": [8],
                "batch_normalization_1/moving_variance": [8],
            ]))
        let norms = recognition.network.nodes.compactMap { node in
            if case .batchNorm(let norm) = node.operation { norm } else { nil }
        }
        #expect(norms.map(\.epsilon) == [1e-3])
        #expect(
            recognition.network.possiblePairs == [
                "batch_normalization_1": .init("conv2d_1", .assumed(because: .numbers))
            ])
        #expect(recognition.assumptions.contains("batch norms: ε 0.001, Keras' default"))
    }

    @Test(
        "layers of one name in different inner models are different layers", arguments: ["", "block1/", "x/"])
    func innerModels(legacy: String) throws {
        func names(_ block: String) -> [String: Shape] {
            // Before Keras 3 a weight's own name may begin with the model's again.
            let prefix = legacy.isEmpty ? "\(block)/" : "\(block)/\(legacy.replacing("block1", with: block))"
            return [
                prefix + "conv/kernel:0": [3, 3, 2, 8], prefix + "bn/beta:0": [8],
                prefix + "bn/moving_mean:0": [8], prefix + "bn/moving_variance:0": [8],
            ]
        }
        var shapes = names("block1").merging(names("block2")) { first, _ in first }
        let second = legacy == "x/" ? "block2/x/" : legacy.isEmpty ? "block2/" : "block2/block2/"
        shapes[second + "bn/gamma:0"] = [8]
        let network = try recognizeNames(parameters: table(shapes)).network
        var norms: [String: BatchNorm] = [:]
        var kernels: [String: String] = [:]
        for loose in network.looseNorms {
            guard case .batchNorm(let found) = network.nodes[loose.norm].operation,
                let convolution = loose.convolution,
                case .convolution(let before) = network.nodes[convolution].operation
            else { continue }
            norms[found.mean] = found
            kernels[found.mean] = before.kernel
        }
        #expect(norms.count == 2)
        for (mean, norm) in norms {
            let folder = mean.dropLast("bn/moving_mean:0".count)
            #expect(kernels[mean] == folder + "conv/kernel:0")
            #expect(norm.variance == folder + "bn/moving_variance:0")
            #expect(norm.gamma == (folder == second ? second + "bn/gamma:0" : nil))
        }
    }

    @Test(
        "norms before the convolutions of their names are paired with those of the number before, where any number of channels shows it"
    )
    func preActivation() throws {
        func names(_ block: Int, _ inputs: Int, _ outputs: Int) -> [String: Shape] {
            var shapes: [String: Shape] = [
                "block.\(block).conv1.weight": [outputs, inputs, 3, 3],
                "block.\(block).conv2.weight": [outputs, outputs, 3, 3],
            ]
            for (norm, channels) in [("bn1", inputs), ("bn2", outputs)] {
                for role in ["running_mean", "running_var"] {
                    shapes["block.\(block).\(norm).\(role)"] = [channels]
                }
            }
            return shapes
        }
        func pairs(_ shapes: [String: Shape]) throws -> [String: String] {
            try recognizeNames(parameters: table(shapes)).network.possiblePairs.mapValues(\.convolution)
        }
        let same = names(1, 8, 8)
        #expect(
            try pairs(names(0, 4, 8).merging(same) { first, _ in first })
                == ["block.0.bn2": "block.0.conv1", "block.1.bn2": "block.1.conv1"])
        // Nothing shows it either way.
        #expect(try pairs(same).isEmpty)
        // A convolution that changes the number of channels before its norm does.
        var stem = same
        stem["block.0.conv1.weight"] = [8, 3, 3, 3]
        for role in ["running_mean", "running_var"] { stem["block.0.bn1.\(role)"] = [8] }
        #expect(
            try pairs(stem) == [
                "block.0.bn1": "block.0.conv1", "block.1.bn1": "block.1.conv1",
                "block.1.bn2": "block.1.conv2",
            ])
    }

    @Test("a layer's name is only shortened where no other layer has the short one")
    func shortNames() throws {
        let shapes = ["a/a/bn", "a/bn", "b/b"].reduce(into: [String: Shape]()) { shapes, layer in
            for role in ["moving_mean", "moving_variance"] { shapes["\(layer)/\(role):0"] = [4] }
        }
        let nodes = try recognizeNames(parameters: table(shapes)).network.nodes
        let norms = nodes.filter { if case .batchNorm = $0.operation { true } else { false } }
        #expect(norms.map(\.layer).sorted() == ["a/a/bn", "a/bn", "b"])
    }

    /// DPN's blocks: the norm has as many channels as the grouped kernel behind it has outputs.
    @Test("kernels of many groups do not show that norms follow")
    func grouped() throws {
        let network = try recognizeNames(
            parameters: table([
                "block.bn.weight": [32], "block.bn.bias": [32], "block.bn.running_mean": [32],
                "block.bn.running_var": [32], "block.conv.weight": [32, 4, 3, 3],
            ])
        ).network
        #expect(network.possiblePairs.isEmpty)
    }

    @Test("converted norms of unknown networks are told by the note")
    func converted() throws {
        let settings = GroupNormSettings(groups: 2, epsilon: 1e-3)
        let shapes: [String: Shape] = [
            "conv_a.weight": [4, 3, 3, 3], "bn_a.weight": [4], "bn_a.bias": [4], "head.weight": [10, 4],
        ]
        let found = try recognizeNames(parameters: table(shapes), groupNorms: ["bn_a": settings])
        #expect(!found.network.isComplete)
        #expect(found.unused == ["head.weight"])
        #expect(
            found.network.nodes.last?.operation
                == .groupNorm(
                    GroupNorm(gamma: "bn_a.weight", beta: "bn_a.bias", groups: 2, epsilon: 1e-3, channels: 4))
        )
        #expect(found.network.possiblePairs == ["bn_a": .init("conv_a", .assumed(because: .names))])
        #expect(throws: NetworkError.self) {
            try recognizeNames(
                parameters: table(shapes), groupNorms: ["bn_a": GroupNormSettings(groups: 3, epsilon: 1e-3)])
        }
    }

    @Test("a file without norms is not recognised")
    func nothing() {
        #expect(throws: NetworkError.self) { try recognizeNames(parameters: table(["a.weight": [3, 3]])) }
    }

    private func table(_ shapes: [String: Shape]) -> ParameterTable {
        ParameterTable(
            shapes.sorted { $0.key < $1.key }.map { name, shape in
                Parameter(name: name, shape: shape, elementType: .float32) {
                    Tensor(shape: shape, repeating: 1)
                }
            })
    }
}
