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
