import HDF5
import NormConvKit
import TestSupport
import Testing

/// Narrow networks of torchvision's and timm's own code, against their logits.
@Suite("Families of networks by PyTorch's names")
struct TorchFamilyTests {
    static let names = [
        "vgg", "mobilenet-v2", "mobilenet-v3", "densenet", "efficientnet", "regnet", "se-resnet",
        "resnest",
    ]

    @Test("they give the logits of PyTorch", arguments: names, EngineKind.allCases)
    func logits(name: String, engine: EngineKind) throws {
        try TestFiles.withFamily("\(name).safetensors") { path throws in
            let model = try Model(path: path)
            #expect(model.unusedParameters.isEmpty)
            #expect(model.preprocessing == .torch)
            let (images, expected) = try reference(name, model.preprocessing)
            expectClose(try NormConvKitTests.logits(model, images, engine), expected)
        }
    }

    @Test("converted files are run, and their norms stand behind the same convolutions", arguments: names)
    func converted(name: String) throws {
        try TestFiles.withFamily("\(name).safetensors") { path throws in
            let model = try Model(path: path)
            let output = path + ".converted.safetensors"
            let plan = try model.convert(to: output, options: ConversionOptions(groups: .gcd))
            let converted = try Model(path: output)
            #expect(converted.network.isComplete)
            #expect(converted.network.nodes.map(\.inputs) == model.network.nodes.map(\.inputs))
            #expect(converted.network.input == model.network.input)
            #expect(plan.report.pairs.allSatisfy { $0.adjacency == .proven })
            let (images, _) = try reference(name, model.preprocessing)
            // The reference engine and the fast one share no code.
            expectClose(
                try NormConvKitTests.logits(converted, images, .fast),
                try NormConvKitTests.logits(converted, images, .reference))
        }
    }

    /// Keras has no layer of its own that takes half of the channels, as split attention does.
    @Test("written as Keras models they give the same logits", arguments: names.filter { $0 != "resnest" })
    func exported(name: String) throws {
        try TestFiles.withFamily("\(name).safetensors") { path throws in
            let model = try Model(path: path)
            let options = ConversionOptions(groups: .gcd)
            let plan = try model.plan(options)
            let (torch, keras) = (path + ".converted.safetensors", path + ".keras")
            try model.write(plan, to: torch, options: options)
            try model.write(plan, to: keras, options: options, layout: .keras3)
            let exported = try Model(path: keras)
            #expect(exported.basis == .configuration)
            let (images, _) = try reference(name, model.preprocessing)
            expectClose(
                try NormConvKitTests.logits(exported, images, .fast),
                try NormConvKitTests.logits(Model(path: torch), images, .fast))
        }
    }

    /// Preprocessed images and what PyTorch gives for them.
    private func reference(
        _ name: String, _ preprocessing: Preprocessing
    ) throws -> (images: Tensor, expected: Tensor) {
        try TestFiles.withFamily("outputs.h5") { path throws in
            let split = path + ".split.h5"
            let pixels = try dataset("images", in: path)
            let output = try HDF5Output(creating: split)
            try output.write(
                pixels.values.map { UInt8($0) }, of: .uint8, shape: pixels.shape.extents, to: "images")
            try output.write([0, 0], of: .uint8, shape: [2], to: "labels")
            try output.close()
            return (try images(2, of: Split(path: split), preprocessing), try dataset(name, in: path))
        }
    }
}
