import Tensors
import TestSupport
import Testing

@testable import Networks

/// Networks of usual width: names, shapes and outputs' extents are those of torchvision's and timm's own code.
@Suite("Families of networks by PyTorch's names")
struct TorchFamilyTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var file: String
        var title: String
        /// Trainable parameters as torchvision and timm document them.
        var count: Int
        var testDescription: String { file }
    }

    static let cases = [
        Case(file: "torchvision-vgg16_bn", title: "VGG-16 (torchvision names)", count: 138_365_992),
        Case(file: "torchvision-vgg11", title: "VGG-11 (torchvision names)", count: 132_863_336),
        Case(file: "timm-vgg11_bn", title: "VGG-11 (timm names)", count: 132_868_840),
        Case(
            file: "torchvision-mobilenet_v2", title: "MobileNetV2 (torchvision names)", count: 3_504_872),
        Case(
            file: "torchvision-mobilenet_v3_large", title: "MobileNetV3-Large (torchvision names)",
            count: 5_483_032),
        Case(
            file: "torchvision-mobilenet_v3_small", title: "MobileNetV3-Small (torchvision names)",
            count: 2_542_856),
        Case(file: "timm-mobilenetv2_110d", title: "MobileNetV2 (timm names)", count: 4_516_520),
        Case(
            file: "torchvision-densenet121", title: "DenseNet-121 (torchvision names)", count: 7_978_856),
        Case(
            file: "torchvision-efficientnet_b0", title: "EfficientNet-B0 (torchvision names)",
            count: 5_288_548),
        Case(
            file: "torchvision-efficientnet_b5", title: "EfficientNet-B5 (torchvision names)",
            count: 30_389_784),
        Case(
            file: "torchvision-efficientnet_v2_s", title: "EfficientNet-V2-S (torchvision names)",
            count: 21_458_488),
        Case(
            file: "torchvision-regnet_x_400mf", title: "RegNetX, 1-2-7-12 blocks (torchvision names)",
            count: 5_495_976),
        Case(
            file: "torchvision-regnet_y_400mf", title: "RegNetY, 1-3-6-6 blocks (torchvision names)",
            count: 4_344_144),
        Case(file: "timm-regnety_002", title: "RegNetY, 1-1-4-7 blocks (timm names)", count: 3_162_996),
        Case(file: "timm-seresnet50", title: "SE-ResNet-50 (timm names)", count: 28_088_024),
        Case(
            file: "timm-seresnext26d_32x4d", title: "SE-ResNeXt-26 32x4d-D (timm names)", count: 16_809_512),
        Case(file: "timm-legacy_seresnet50", title: "SE-ResNet-50 (Cadene's names)", count: 28_088_024),
        Case(file: "timm-legacy_senet154", title: "SENet-154 (Cadene's names)", count: 115_088_984),
        Case(file: "timm-resnest50d", title: "ResNeSt-50 (timm names)", count: 27_483_240),
        Case(file: "timm-efficientnet_b0", title: "EfficientNet-B0 (timm names)", count: 5_288_548),
    ]
    /// Those that are not ResNets: a parameter that no layer uses is always inside the trunk or beside it.
    static let families = cases.filter {
        !$0.file.hasPrefix("timm-seresn") && !$0.file.hasPrefix("timm-resnest")
    }

    @Test("every parameter is used, and every layer has the extents that PyTorch gives", arguments: cases)
    func recognized(network: Case) throws {
        let listing = try Listing(network.file)
        let found = try recognizeNames(parameters: table(listing.parameters))
        #expect(found.network.architecture == network.title)
        #expect(found.unused.isEmpty)
        #expect(found.network.looseNorms.isEmpty)
        #expect(trained(found.network, listing) == network.count)
        let shapes = try found.network.shapes(height: 224, width: 224)
        var compared: Set<String> = []
        for (node, shape) in zip(found.network.nodes, shapes) {
            guard let expected = listing.outputs[node.layer] else { continue }
            switch node.operation {
            case .convolution, .batchNorm, .dense:
                // A fully connected layer may be a convolution of the whole map.
                let extents = expected.count == 1 && shape.rank == 3 ? [1, 1] + expected : expected
                #expect(shape.extents == extents, "layer '\(node.layer)'")
                compared.insert(node.layer)
            default: break
            }
        }
        #expect(compared == Set(listing.outputs.keys))
        #expect(shapes[found.network.output] == [1000])
    }

    private func trained(_ network: Network, _ listing: Listing) -> Int {
        let statistics = ["running_mean", "running_var", "num_batches_tracked"]
        let names = Set(network.nodes.flatMap(\.operation.parameters))
        return listing.parameters.reduce(0) { count, parameter in
            let isTrained =
                names.contains(parameter.0) && !statistics.contains { parameter.0.hasSuffix($0) }
            return isTrained ? count + parameter.1.reduce(1, *) : count
        }
    }

    @Test("all are scored but for names that two functions share", arguments: cases)
    func scored(network: Case) throws {
        let found = try recognizeNames(parameters: table(Listing(network.file).parameters))
        #expect(found.network.isComplete == (network.file != "timm-efficientnet_b0"))
        if !found.network.isComplete {
            #expect(found.assumptions.last?.contains("tf_efficientnet have the same names") == true)
        }
    }

    @Test(
        "ε is the family's, and an assumption says so",
        arguments: [
            ("torchvision-efficientnet_b0", 1e-5), ("torchvision-efficientnet_b5", 1e-3),
            ("torchvision-efficientnet_v2_s", 1e-3), ("torchvision-mobilenet_v2", 1e-5),
            ("torchvision-mobilenet_v3_large", 1e-3), ("torchvision-densenet121", 1e-5),
        ])
    func epsilon(file: String, epsilon: Double) throws {
        let found = try recognizeNames(parameters: table(Listing(file).parameters))
        let epsilons = found.network.nodes.compactMap { node in
            if case .batchNorm(let norm) = node.operation { norm.epsilon } else { nil }
        }
        #expect(Set(epsilons) == [epsilon])
        #expect(found.assumptions.contains { $0.hasPrefix("batch norms: ε \(epsilon), ") })
    }

    @Test("every norm but those before a convolution has one in front", arguments: cases)
    func pairs(network: Case) throws {
        let found = try recognizeNames(parameters: table(Listing(network.file).parameters)).network
        let pairs = ConvolutionNormPairs(found).convolutionBefore
        let norms = found.nodes.indices.filter {
            if case .batchNorm = found.nodes[$0].operation { true } else { false }
        }
        // DenseNet's norms stand before convolutions, but for the first one's and the second ones of its 58 layers.
        #expect(pairs.count == (network.file.contains("densenet") ? 59 : norms.count))
    }

    @Test("a prefix and a classifier of other classes make no difference", arguments: families)
    func prefix(network: Case) throws {
        let listing = try Listing(network.file)
        let plain = try recognizeNames(parameters: table(listing.parameters)).network
        let parameters = listing.parameters.map { ("module." + $0.0, $0.1) }
        let found = try recognizeNames(parameters: table(parameters))
        #expect(found.network.nodes.map(\.inputs) == plain.nodes.map(\.inputs))
        #expect(found.network.nodes.map(\.layer) == plain.nodes.map { "module." + $0.layer })
        #expect(found.network.isComplete == plain.isComplete)
    }

    @Test("a parameter too many in the trunk, or one too few, is another network", arguments: families)
    func other(network: Case) throws {
        let parameters = try Listing(network.file).parameters
        let first = try #require(parameters.first?.0)
        let module = first.prefix { $0 != "." }
        for stray in [("\(module).77.conv.weight", [8, 8, 1, 1]), ("\(module).extra.weight", [8])] {
            try expectPairs(parameters + [stray], network)
        }
        // A plain VGG has no norms that could be converted one by one.
        guard parameters.contains(where: { $0.0.hasSuffix("running_var") }) else { return }
        let places = parameters.indices.filter { parameters[$0].0.hasSuffix("running_mean") }
        for place in [places[0], places[places.count / 2], places[places.count - 1]] {
            var fewer = parameters
            fewer.remove(at: place)
            try expectPairs(fewer, network)
            fewer = parameters
            fewer[place].1 = [fewer[place].1[0] + 1]
            try expectPairs(fewer, network)
        }
        let kernels = parameters.indices.filter { parameters[$0].1.count == 4 }
        for place in [kernels[1], kernels[kernels.count - 1]] {
            var wrong = parameters
            wrong[place].1[2] += 1
            try expectPairs(wrong, network)
        }
    }

    /// Expects norms found by their names alone, or an error where there are none.
    private func expectPairs(_ parameters: [(String, [Int])], _ network: Case) throws {
        guard network.file != "torchvision-vgg11" else {
            #expect(throws: NetworkError.self) { try recognizeNames(parameters: table(parameters)) }
            return
        }
        let found = try recognizeNames(parameters: table(parameters))
        #expect(!found.network.isComplete)
        #expect(found.network.architecture == "unknown network, norms found by name")
    }

    @Test("a layer beside the trunk keeps the graph, and the whole is not scored", arguments: families)
    func beside(network: Case) throws {
        let parameters = try Listing(network.file).parameters
        let plain = try recognizeNames(parameters: table(parameters)).network
        let found = try recognizeNames(parameters: table(parameters + [("auxiliary.weight", [8, 8])]))
        #expect(found.network.nodes == plain.nodes)
        #expect(!found.network.isComplete)
        if plain.isComplete {
            #expect(
                found.assumptions.last
                    == "parameter 'auxiliary.weight' does not belong to a \(network.title)")
        }
    }

    @Test("converted norms are group norms with the note's settings", arguments: families)
    func groupNorms(network: Case) throws {
        let listing = try Listing(network.file)
        let norms = listing.parameters.map(\.0).filter { $0.hasSuffix("running_var") }.map {
            String($0.dropLast(".running_var".count))
        }
        let kept = listing.parameters.filter { parameter in
            !["running_mean", "running_var", "num_batches_tracked"].contains { parameter.0.hasSuffix($0) }
        }
        let settings = GroupNormSettings(groups: 4, epsilon: 1e-6)
        let note = Dictionary(uniqueKeysWithValues: norms.map { ($0, settings) })
        guard !norms.isEmpty else { return }
        let found = try recognizeNames(parameters: table(kept), groupNorms: note)
        #expect(found.network.architecture == network.title)
        #expect(found.unused.isEmpty)
        let layers = found.network.nodes.compactMap { node -> String? in
            guard case .groupNorm(let norm) = node.operation else { return nil }
            return norm.groups == 4 && norm.epsilon == 1e-6 ? node.layer : nil
        }
        #expect(Set(layers) == Set(norms))
        // Without the note nobody knows what they are.
        let kind = try recognizeNames(parameters: table(kept), kind: .instance)
        #expect(kind.unknownNorms.isEmpty)
        if let unknown = try? recognizeNames(parameters: table(kept)) {
            #expect(Set(unknown.unknownNorms) == Set(norms))
        } else {
            // 32 groups do not fit everywhere.
            #expect(throws: NetworkError.self) { try recognizeNames(parameters: table(kept)) }
        }
    }

    @Test(
        "a classifier that was replaced by one fully connected layer is taken, by several is not",
        arguments: families.filter { !$0.file.contains("vgg") })
    func classifiers(network: Case) throws {
        let parameters = try Listing(network.file).parameters
        let trunk = parameters.filter { parameter in
            !["classifier.", "fc.", "head.", "last_linear."].contains { parameter.0.hasPrefix($0) }
        }
        let features = try #require(parameters.first { $0.1.count == 2 }).1[1]
        let kernel = [1000, features]
        for name in ["classifier", "classifier.1", "fc"] {
            let other = trunk + [("\(name).weight", kernel), ("\(name).bias", [1000])]
            let found = try recognizeNames(parameters: table(other))
            #expect(found.network.architecture == network.title)
            #expect(found.unused.isEmpty)
        }
        let two = trunk + [("fc.weight", kernel), ("classifier.weight", kernel)]
        let found = try recognizeNames(parameters: table(two))
        #expect(found.network.architecture == network.title + ", without a classifier")
        #expect(found.unused == ["fc.weight", "classifier.weight"])
        #expect(!found.network.isComplete)
    }

    @Test("a VGG takes images of one size where its classifier does")
    func imageSize() throws {
        let parameters = try Listing("torchvision-vgg16_bn").parameters
        let found = try recognizeNames(parameters: table(parameters)).network
        #expect(found.input == Network.Input(height: 224, width: 224, channels: 3))
        #expect(throws: NetworkError.self) { try found.shapes(height: 256, width: 256) }
        // CIFAR's: maps of one pixel, or one fully connected layer.
        let place = try #require(parameters.firstIndex { $0.0 == "classifier.0.weight" })
        var small = parameters
        small[place].1 = [4096, 512]
        let cifar = try recognizeNames(parameters: table(small)).network
        #expect(cifar.input == Network.Input(height: nil, width: nil, channels: 3))
        #expect(try cifar.shapes(height: 32, width: 32)[cifar.output] == [1000])
        let features = parameters.filter { $0.0.hasPrefix("features.") }
        let single = try recognizeNames(
            parameters: table(features + [("classifier.weight", [10, 512]), ("classifier.bias", [10])])
        ).network
        #expect(try single.shapes(height: 32, width: 32)[single.output] == [10])
        let backbone = try recognizeNames(parameters: table(features)).network
        #expect(backbone.architecture == "VGG-16 (torchvision names), without a classifier")
        // No square map has so many pixels.
        small[place].1 = [4096, 512 * 3]
        #expect(try recognizeNames(parameters: table(small)).network.isComplete == false)
    }

    @Test("DenseNet's names in torchvision's published files are understood")
    func publishedNames() throws {
        let parameters = try Listing("torchvision-densenet121").parameters.map { name, extents in
            guard name.contains("denselayer") else { return (name, extents) }
            return (
                ["norm1", "norm2", "conv1", "conv2"].reduce(name) { name, layer in
                    name.replacing(".\(layer).", with: ".\(layer.dropLast()).\(layer.suffix(1)).")
                }, extents
            )
        }
        #expect(parameters.contains { $0.0 == "features.denseblock1.denselayer1.norm.1.weight" })
        let found = try recognizeNames(parameters: table(parameters))
        #expect(found.network.architecture == "DenseNet-121 (torchvision names)")
        #expect(found.network.isComplete)
        #expect(found.unused.isEmpty)
    }
}

/// A network of `families.zip`: its parameters, and the extents of layers' outputs for images of 224×224.
private struct Listing {
    var parameters: [(String, [Int])] = []
    var outputs: [String: [Int]] = [:]

    init(_ name: String) throws {
        let text = try TestFiles.withFamily("\(name).txt") { path in
            try String(contentsOfFile: path, encoding: .utf8)
        }
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            let extents = words.dropFirst(2).compactMap { Int($0) }
            if words[0] == "parameter" {
                parameters.append((String(words[1]), extents))
            } else {
                outputs[String(words[1])] = extents
            }
        }
    }
}
