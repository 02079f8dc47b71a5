import HDF5
import TestSupport
import Testing

@testable import NormConvKit

/// Networks of `keras-layers.zip` against what the Keras that wrote them gives.
@Suite("Layers of Keras give Keras' outputs")
struct KerasLayerOutputTests {
    static let files = [
        "augmentations.keras", "functions.keras", "functions.keras2.h5", "maps.keras", "maps.keras2.h5",
        "operators.keras", "operators.keras2.h5",
        "sizes.keras", "transposed.keras", "transposed.keras2.h5",
    ]

    @Test("Every layer, by the reference engine", arguments: files)
    func layers(file: String) throws {
        try withNetwork(file) { model, outputs throws in
            let image = try dataset("images", in: outputs).prefix(1).reshaped([13, 10, 3])
            let engine = try ReferenceEngine(
                network: model.network, parameters: model.checkpoint.parameters, imageShape: image.shape)
            let values = engine.values(for: image)
            for layer in try HDF5File(reading: outputs).root.group("\(file)/layers").names() {
                // A layer with an activation is two nodes; its value is the last one's. Some are none: their value is the
                // operand's.
                guard let node = model.network.nodes.lastIndex(where: { $0.layer == layer }) else { continue }
                let expected = try dataset("\(file)/layers/\(layer)", in: outputs)
                #expect(
                    values[node].shape.extents == Array(expected.shape.extents.dropFirst()),
                    "layer '\(layer)'")
                expectClose(values[node].reshaped(expected.shape), expected, "layer '\(layer)'")
            }
        }
    }

    @Test("The logits, by both engines", arguments: files, EngineKind.allCases)
    func logits(file: String, engine: EngineKind) throws {
        try withNetwork(file) { model, outputs throws in
            #expect(model.unusedParameters.isEmpty)
            let images = try dataset("images", in: outputs)
            expectClose(
                try NormConvKitTests.logits(model, images, engine), try dataset("\(file)/logits", in: outputs)
            )
        }
    }

    @Test(
        "They are written in Keras 3's layers and give the same outputs when read again",
        arguments: ["functions.keras", "maps.keras", "sizes.keras", "transposed.keras"])
    func export(file: String) throws {
        try withNetwork(file) { model, outputs throws in
            let export = try model.network.kerasExport()
            let sources = Dictionary(
                model.checkpoint.parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
            let table = ParameterTable(
                export.parameters.compactMap { source, target in
                    sources[source]?.renamed("\(target.prefix { $0 != "/" })/\(target)")
                })
            let network = try recognizeKeras(config: export.config, parameters: table).network
            let images = try dataset("images", in: outputs)
            let engine = try ReferenceEngine(
                network: network.upToLogits, parameters: table, imageShape: [13, 10, 3])
            let values = try engine.run(on: ImageSource(images))
            let expected = try dataset("\(file)/logits", in: outputs)
            expectClose(Tensor(shape: expected.shape, values: values), expected)
        }
    }

    private func withNetwork(_ file: String, _ body: (Model, _ outputs: String) throws -> Void) throws {
        try TestFiles.withKerasLayers("outputs.h5") { outputs throws in
            try TestFiles.withKerasLayers(file) { try body(try Model(path: $0), outputs) }
        }
    }
}
