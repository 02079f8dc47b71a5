import Archives
import Foundation
import HDF5
import TestSupport
import Testing

@testable import NormConvKit

@Suite("Other layouts")
struct LayoutConversionTests {
    @Test(
        "Keras to PyTorch's names and back keeps every parameter to the bit",
        arguments: [
            "mnist-resnet.keras3.h5", "mnist-sequential.keras", "zoo/depthwise.keras3.h5",
            "zoo/nested.keras3.h5",
        ],
        [OutputLayout.safetensors, .torch, .pth])
    func roundTrip(file: String, layout: OutputLayout) throws {
        let model = try Model(path: TestFiles.fixture(file))
        try TestFiles.withTemporaryFolder { folder throws in
            try rewrite(model, to: folder + "/there", layout)
            let there = try Model(path: folder + "/there")
            #expect(there.network == model.network || there.network.nodes.count == model.network.nodes.count)
            try rewrite(there, to: folder + "/back.h5", .keras)
            let back = try Model(path: folder + "/back.h5")
            let (old, new) = (model.network.parameterPlaces, back.network.parameterPlaces)
            #expect(old.map(\.kerasName) == new.map(\.kerasName))
            for (one, other) in zip(old, new) {
                let bytes = try model.checkpoint.parameters[one.name]?.readBytes()
                #expect(bytes != nil)
                #expect(try back.checkpoint.parameters[other.name]?.readBytes() == bytes, "\(one.kerasName)")
            }
        }
    }

    @Test(
        "Keras' layouts to safetensors and back to themselves keep every parameter to the bit",
        arguments: [
            ("mnist-resnet.keras2.h5", OutputLayout.keras, "back.h5"),
            ("mnist-resnet.keras3.h5", .keras, "back.h5"), ("mnist-sequential.keras", .keras3, "back.keras"),
            ("mnist-sequential.weights.h5", .weights, "back.weights.h5"),
            ("mnist-sequential.keras2-weights.h5", .weights, "back.h5"),
        ])
    func sameLayout(file: String, layout: OutputLayout, name: String) throws {
        // Weights alone take the architecture of the same network's other file.
        let config =
            file.contains("weights")
            ? try openCheckpoint(TestFiles.fixture("mnist-sequential.keras")).modelConfig : nil
        let old = try Model(path: TestFiles.fixture(file), architecture: config)
        try TestFiles.withTemporaryFolder { folder throws in
            try rewrite(old, to: folder + "/x.safetensors", .safetensors)
            let there = try Model(path: folder + "/x.safetensors")
            #expect(there.checkpoint.layout == .safetensors)
            try rewrite(there, to: folder + "/" + name, layout)
            let back = try Model(path: folder + "/" + name, architecture: config)
            #expect(back.checkpoint.layout == old.checkpoint.layout)
            #expect(back.checkpoint.parameters.count == old.checkpoint.parameters.count)
            let places = zip(old.network.parameterPlaces, back.network.parameterPlaces)
            #expect(old.network.parameterPlaces.count == old.checkpoint.parameters.count)
            for (one, other) in places {
                #expect(one.kerasName == other.kerasName)
                let (before, after) = (
                    old.checkpoint.parameters[one.name], back.checkpoint.parameters[other.name]
                )
                #expect(after?.shape == before?.shape)
                #expect(after?.elementType == before?.elementType)
                let bytes = try #require(try before?.readBytes())
                #expect(try after?.readBytes() == bytes, "\(one.kerasName)")
            }
        }
    }

    @Test("Keras 3's HDF5 becomes a .keras file whose layers name their modules; Keras finds none without")
    func modules() throws {
        typealias Record = [String: Any]
        func config(_ path: String) throws -> Record {
            let text = try openCheckpoint(path).modelConfig ?? ""
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
            return try #require(object as? Record)
        }
        let file = TestFiles.fixture("zoo/nested.keras3.h5")
        #expect(try config(file)["module"] == nil)
        try TestFiles.withTemporaryFolder { folder throws in
            try rewrite(Model(path: file), to: folder + "/x.keras", .keras3)
            var pending = [try config(folder + "/x.keras")]
            var count = 0
            while let record = pending.popLast() {
                #expect((record["module"] as? String)?.hasPrefix("keras") == true, "\(record)")
                count += 1
                pending += (record["config"] as? Record)?["layers"] as? [Record] ?? []
            }
            #expect(count > 5)
        }
    }

    @Test(
        "a depthwise kernel keeps PyTorch's layout when the file is written again",
        arguments: [OutputLayout.safetensors, .torch, .pth])
    func depthwise(layout: OutputLayout) throws {
        let model = try Model(path: TestFiles.fixture("zoo/depthwise.keras3.h5"))
        try TestFiles.withTemporaryFolder { folder throws in
            try rewrite(model, to: folder + "/x", layout)
            let first = try Model(path: folder + "/x")
            try first.checkpoint.write(
                to: folder + "/y", edits: ParameterEdits(), modelConfig: nil, note: "{}", overwrite: false)
            // Without the metadata, the tensors are as PyTorch sees them.
            let shapes = try ["x", "y"].map { name in
                switch layout {
                case .torch: try datasetShapes(folder + "/" + name)
                case .pth: try shapesWithoutMetadata(folder + "/" + name)
                default: try torchShapes(folder + "/" + name)
                }
            }
            #expect(shapes[0]["depthwise.weight"] == [12, 1, 3, 3])
            #expect(shapes[0] == shapes[1])
            #expect(try Model(path: folder + "/y").network == first.network)
        }
    }

    private func datasetShapes(_ path: String) throws -> [String: [Int]] {
        Dictionary(
            uniqueKeysWithValues: try HDF5File(reading: path).root.datasets().map {
                ($0.path, $0.dataset.shape)
            })
    }

    /// The shapes in a `.pth` file, copied without the members that are not PyTorch's.
    private func shapesWithoutMetadata(_ path: String) throws -> [String: [Int]] {
        let archive = try ZipArchive(path: path)
        var copy = try ZipOutput(path: path + ".plain", named: path)
        for member in archive.members where !member.name.hasSuffix(".json") {
            try copy.add(member.name, archive.read(member))
        }
        try copy.close()
        let parameters = try openCheckpoint(path + ".plain").parameters
        return Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.shape.extents) })
    }

    /// 5,000 names are more than an attribute holds.
    @Test(
        "names of classes are in every layout, and stay when it is written again",
        arguments: OutputLayout.allCases)
    func classNames(layout: OutputLayout) throws {
        let names = (0..<5000).map { "class é \($0)" }
        try TestFiles.withTemporaryFolder { folder throws in
            for file in ["torchvision-bottleneck.safetensors", "mnist-resnet.keras3.h5"] {
                let source = try Model(path: TestFiles.fixture(file))
                let named = folder + "/named.h5"
                let isKeras = source.config != nil
                var contents = try source.contents(
                    ConversionPlan(unchanged: source.network), config: source.config,
                    note: source.note(of: .init(unchanged: source.network), options: ConversionOptions()),
                    layout: isKeras ? .keras : .torch)
                contents.classNames = names
                try contents.write(to: named, layout: isKeras ? .keras : .torch, overwrite: true)
                let model = try Model(path: named)
                #expect(model.checkpoint.classNames == names)
                let output = folder + (layout == .weights ? "/x.weights.h5" : "/x")
                try? FileManager.default.removeItem(atPath: output)
                try rewrite(model, to: output, layout)
                let written = try openCheckpoint(output)
                #expect(written.classNames == names)
                try? FileManager.default.removeItem(atPath: folder + "/again")
                try written.write(
                    to: folder + "/again", edits: ParameterEdits(), modelConfig: written.modelConfig,
                    note: "{}", overwrite: false)
                #expect(try openCheckpoint(folder + "/again").classNames == names)
            }
        }
    }

    @Test("a converted .pth file says its groups and its preprocessing when it is opened again")
    func note() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            var conversion = try Model(TestFiles.fixture("torchvision-bottleneck.pth"))
                .converting(ConversionOptions(groups: .perGroup(4)))
            conversion.preprocessing = .tf
            try conversion.write(to: folder + "/gn.pth")
            let model = try Model(folder + "/gn.pth")
            #expect(model.checkpoint.layout == .torchZip && model.unknownNorms.isEmpty)
            #expect(model.preprocessing == .tf)
            let groups = model.inspection.norms.map { ($0.channels, $0.groups) }
            #expect(groups.count == 20 && groups.allSatisfy { $1 == $0 / 4 }, "\(groups)")
        }
    }

    @Test("parameters that another layout would give one name are refused, and nothing is written")
    func sameName() throws {
        let table = ParameterTable(
            ["conv2d/kernel", "conv2d/weight"].map { name in
                Parameter(name: name, shape: [2], elementType: .float32) { Tensor([1, 2]) }
            })
        let contents = NewCheckpoint(parameters: table, isKeras: true, modelConfig: nil, note: "{}")
        try TestFiles.withTemporaryFolder { folder throws in
            for layout in [OutputLayout.safetensors, .torch, .pth] {
                let path = folder + "/x"
                let expected = CheckpointError.sameName(
                    path: path, name: "conv2d.weight", of: ["conv2d/kernel", "conv2d/weight"])
                #expect(throws: expected) { try contents.write(to: path, layout: layout, overwrite: false) }
                #expect(throws: expected) { try contents.check(for: layout, path: path) }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    /// A norm of three variables says nothing by itself, nor does what it is converted to.
    @Test("weights alone with a norm without scale are read with their architecture, before and after")
    func normWithoutScale() throws {
        let architecture = """
            {"class_name": "Sequential", "config": {"name": "s", "layers": [
              {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [null, 8, 8, 3]}},
              {"class_name": "Conv2D", "config": {"name": "c", "filters": 4, "kernel_size": [3, 3]}},
              {"class_name": "BatchNormalization", "config": {"name": "n", "scale": false}}]}}
            """
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.weights.h5"
            let output = try HDF5Output(creating: path)
            let shapes: [(String, [Int])] =
                [("conv2d/vars/0", [3, 3, 3, 4]), ("conv2d/vars/1", [4])]
                + (0..<3).map { ("batch_normalization/vars/\($0)", [4]) }
            for (name, shape) in shapes {
                let values = [Float](repeating: 0.5, count: shape.reduce(1, *))
                try output.write(
                    values.withUnsafeBytes { Array($0) }, of: .float32, shape: shape, to: "layers/" + name)
            }
            try output.close()
            #expect(throws: CheckpointError.self) { try Model(path: path) }
            let model = try Model(path: path, architecture: architecture)
            #expect(model.checkpoint.parameters.names.contains("n/beta"))
            // Without standardization nothing but the variance's ε asks for a scale.
            let options = ConversionOptions(groups: .count(1), weightStandardization: .off)
            try model.convert(to: folder + "/b.weights.h5", options: options)
            let converted = try Model(path: folder + "/b.weights.h5", architecture: architecture)
            #expect(converted.note != nil && converted.unusedParameters.isEmpty)
            guard case .groupNorm(let norm) = converted.network.nodes[converted.network.output].operation
            else {
                Issue.record("no group norm")
                return
            }
            #expect(norm.beta == "n/beta")
        }
    }

    @Test("images are read for a network in another framework's layers as they were before")
    func images() throws {
        let model = try Model(path: TestFiles.fixture("torchvision-bottleneck.safetensors"))
        try TestFiles.withTemporaryFolder { folder throws in
            try rewrite(model, to: folder + "/x.keras", .keras3)
            let keras = try Model(path: folder + "/x.keras")
            try rewrite(keras, to: folder + "/y.safetensors", .safetensors)
            for other in [keras, try Model(path: folder + "/y.safetensors")] {
                #expect(other.network.family == .keras)
                #expect(try other.transform(SplitOptions()) == model.transform(SplitOptions()))
            }
        }
    }

    /// Shapes of a safetensors file's tensors by the names in the file.
    private func torchShapes(_ path: String) throws -> [String: [Int]] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try #require(
            try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: [String: Any]])
        return header.compactMapValues { $0["shape"] as? [Int] }
    }

    @Test("every layout of a PyTorch network computes the same", arguments: OutputLayout.allCases)
    func torch(layout: OutputLayout) throws {
        let model = try Model(path: TestFiles.fixture("torchvision-bottleneck.pth"))
        let images = try fixture("torchvision/images", in: "reference-outputs.h5")
        try TestFiles.withTemporaryFolder { folder throws in
            // Weights alone have no architecture to be read with: they are looked at by Keras in Conformance/.
            guard layout != .weights else { return }
            try rewrite(model, to: folder + "/x", layout)
            let new = try Model(path: folder + "/x")
            expectClose(try logits(new, images, .fast), try logits(model, images, .fast))
        }
    }

    @Test(
        "BiT stays BiT in another layout",
        arguments: [OutputLayout.safetensors, .torch, .pth, .keras, .keras3])
    func bit(layout: OutputLayout) throws {
        try TestFiles.withNamedNetwork("bit.npz") { path throws in
            let model = try Model(path: path)
            let images = Tensor(shape: [1, 40, 40, 3], values: (0..<4800).map { Float($0 % 17) / 8 - 1 })
            try rewrite(model, to: path + ".new", layout)
            expectClose(
                try logits(Model(path: path + ".new"), images, .fast), try logits(model, images, .fast))
        }
    }

    @Test(
        "ε that a module records or a caller gives stays known in another layout",
        arguments: ["pth", "safetensors"])
    func epsilon(ending: String) throws {
        func epsilons(_ model: Model) -> [Double] {
            model.network.nodes.compactMap { node in
                if case .batchNorm(let norm) = node.operation { norm.epsilon } else { nil }
            }
        }
        let module = try Model(TestFiles.fixture("pickles/module.pth"))
        let given = try Model(TestFiles.fixture("pickles/state.safetensors"), batchEpsilon: 0.01)
        for (model, expected) in [(module, 1e-3), (given, 0.01)] {
            try TestFiles.withTemporaryFolder { folder throws in
                let (first, second) = (folder + "/1.\(ending)", folder + "/2.\(ending)")
                try model.keepingNorms().write(to: first)
                try Model(first).keepingNorms().write(to: second)
                for path in [first, second] {
                    let written = try Model(path)
                    #expect(epsilons(written) == [expected])
                    #expect(!written.assumptions.contains { $0.contains("ε") })
                }
                // New norms leave no old ones to tell of.
                let converted = try Model(first).converting(ConversionOptions(groups: .perGroup(2)))
                #expect(converted.note.batchEpsilons == nil)
            }
        }
        // What was assumed stays an assumption, and older notes have no ε.
        let assumed = try Model(TestFiles.fixture("pickles/state.safetensors")).keepingNorms().note
        let json = try assumed.json()
        #expect(assumed.batchEpsilons == nil && !json.contains("batchEpsilons"))
        #expect(ConversionNote(json: json) == assumed)
    }

    private func rewrite(_ model: Model, to path: String, _ layout: OutputLayout) throws {
        let plan = ConversionPlan(unchanged: model.network)
        let note = model.note(of: plan, options: ConversionOptions()).unchanged
        try model.write(plan, note: note, to: path, layout: layout, overwrite: false)
    }
}
