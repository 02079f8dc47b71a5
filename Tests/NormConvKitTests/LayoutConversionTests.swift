import Foundation
import NormConvKit
import TestSupport
import Testing

@Suite("Other layouts")
struct LayoutConversionTests {
    @Test(
        "Keras to PyTorch's names and back keeps every parameter to the bit",
        arguments: [
            "mnist-resnet.keras3.h5", "mnist-sequential.keras", "zoo/depthwise.keras3.h5",
            "zoo/nested.keras3.h5",
        ],
        [OutputLayout.safetensors, .torch])
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

    @Test("a depthwise kernel keeps PyTorch's layout when the file is written again")
    func depthwise() throws {
        let model = try Model(path: TestFiles.fixture("zoo/depthwise.keras3.h5"))
        try TestFiles.withTemporaryFolder { folder throws in
            try rewrite(model, to: folder + "/x.safetensors", .safetensors)
            let first = try Model(path: folder + "/x.safetensors")
            try first.checkpoint.write(
                to: folder + "/y.safetensors", edits: ParameterEdits(), modelConfig: nil, note: "{}",
                overwrite: false)
            // Without the metadata, the tensors are as PyTorch sees them.
            let shapes = try ["x", "y"].map { try torchShapes(folder + "/\($0).safetensors") }
            #expect(shapes[0]["depthwise.weight"] == [12, 1, 3, 3])
            #expect(shapes[0] == shapes[1])
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

    @Test("BiT stays BiT in another layout", arguments: [OutputLayout.safetensors, .torch, .keras, .keras3])
    func bit(layout: OutputLayout) throws {
        try TestFiles.withNamedNetwork("bit.npz") { path throws in
            let model = try Model(path: path)
            let images = Tensor(shape: [1, 40, 40, 3], values: (0..<4800).map { Float($0 % 17) / 8 - 1 })
            try rewrite(model, to: path + ".new", layout)
            expectClose(
                try logits(Model(path: path + ".new"), images, .fast), try logits(model, images, .fast))
        }
    }

    private func rewrite(_ model: Model, to path: String, _ layout: OutputLayout) throws {
        let plan = ConversionPlan(unchanged: model.network)
        let note = ConversionNote(plan, options: ConversionOptions(), preprocess: "raw").unchanged
        try model.write(plan, note: note, to: path, layout: layout, overwrite: false)
    }
}
