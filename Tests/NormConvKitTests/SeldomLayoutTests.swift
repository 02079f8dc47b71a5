import Foundation
import HDF5
import NormConvKit
import TestSupport
import Testing

/// Files of `layouts.zip`, against what Keras and the other file of the same weights give.
@Suite("Layouts that are seldom seen")
struct SeldomLayoutTests {
    static let channelsFirst = [
        "channels-first.keras", "channels-first.keras2.h5", "channels-first.keras3.h5",
        "outputs-first.keras2.h5",
    ]

    @Test(
        "models with channels first, and kernels with outputs first, give Keras' outputs",
        arguments: channelsFirst, EngineKind.allCases)
    func outputs(file: String, engine: EngineKind) throws {
        try TestFiles.withLayout(file) { path throws in
            let model = try Model(path: path)
            #expect(model.unusedParameters.isEmpty)
            let (images, expected) = try reference()
            expectClose(try logits(model, images, engine), expected)
        }
    }

    @Test(
        "they convert, and the converted file is the planned network in Keras' own kernel layout",
        arguments: channelsFirst, [nil, OutputLayout.keras, .keras3, .safetensors])
    func conversion(file: String, layout: OutputLayout?) throws {
        try TestFiles.withLayout(file) { path throws in
            let model = try Model(path: path)
            let options = ConversionOptions(groups: .perGroup(2))
            let plan = try model.plan(options)
            let output = path.replacing("first", with: "converted")
            try model.write(plan, to: output, options: options, layout: layout)
            let converted = try Model(path: output)
            let planned = try ReferenceEngine(
                network: plan.network.upToLogits,
                parameters: model.checkpoint.parameters.applying(plan.edits, path: ""),
                imageShape: [13, 10, 3])
            let images = try reference().images
            let expected = try planned.run(on: ImageSource(images))
            expectClose(try logits(converted, images, .fast), Tensor(shape: [4, 5], values: expected))
            for place in converted.network.parameterPlaces { #expect(place.layout != .oihw, "\(place.name)") }
        }
    }

    @Test("a converted norm normalizes over the channels' axis")
    func axis() throws {
        try TestFiles.withLayout("channels-first.keras3.h5") { path throws in
            let output = path + ".gn.h5"
            try Model(path: path).convert(to: output, options: ConversionOptions(groups: .perGroup(2)))
            let config = try #require(try openCheckpoint(output).modelConfig)
            #expect(config.components(separatedBy: #""axis": 1"#).count - 1 >= 5)
            #expect(!config.contains("BatchNormalization"))
        }
    }

    @Test("kernels with outputs first are refused where nothing says that Theano did not turn them around")
    func unknownBackend() throws {
        try withAttributes(of: "outputs-first.keras2.h5", except: ["backend"]) { path throws in
            let error = #expect(throws: FileFailure.self) { try Model(path: path) }
            let message = "\(try #require(error))"
            #expect(message.contains(path))
            #expect(message.contains("kernel.transpose(2, 3, 1, 0)"))
            #expect(!message.contains("\n"))
        }
        try withAttributes(of: "channels-first.keras2.h5", except: ["backend"]) { path throws in
            _ = try Model(path: path)
        }
    }

    @Test("kernels by Keras' Theano backend are refused with what to do")
    func theano() throws {
        try withAttributes(of: "channels-first.keras2.h5", except: ["backend"], backend: "theano") {
            path throws in
            let error = #expect(throws: CheckpointError.self) { try Model(path: path) }
            #expect("\(try #require(error))".contains("Keras 2.3 with the TensorFlow backend"))
        }
    }

    @Test("a file of Keras 2 that does not say its version is not called one of Keras 1")
    func producer() throws {
        try withAttributes(of: "channels-first.keras2.h5", except: ["backend", "keras_version"]) {
            path throws in
            #expect(try openCheckpoint(path).producer == "Keras 2, by its names")
        }
        try withAttributes(of: "channels-first.keras3.h5", except: ["backend", "keras_version"]) {
            path throws in
            #expect(try openCheckpoint(path).producer == nil)
        }
    }

    @Test(
        "BiT's TensorFlow 2 model is the network of its archive to the bit",
        arguments: ["bit-tf2-built.h5", "bit-tf2-called.h5"])
    func bit(file: String) throws {
        let images = Tensor(shape: [2, 40, 40, 3], values: (0..<9600).map { Float($0 % 23) / 11 - 1 })
        let expected = try TestFiles.withNamedNetwork("bit.npz") {
            try logits(Model(path: $0), images, .fast)
        }
        try TestFiles.withLayout(file) { path throws in
            let model = try Model(path: path)
            #expect(model.network.architecture == "BiT R8x1 (TensorFlow names)")
            #expect(model.preprocessing.description == "tf")
            #expect(model.unusedParameters.isEmpty)
            #expect(try model.plan(ConversionOptions()).report.warnings.contains(.nothingToConvert))
            #expect(try logits(model, images, .fast) == expected)
        }
    }

    private func reference() throws -> (images: Tensor, logits: Tensor) {
        try TestFiles.withLayout("outputs.h5") {
            (try dataset("images", in: $0), try dataset("channels-first/logits", in: $0))
        }
    }

    /// A copy of a full model's file, some attributes of its root and its weights' group left out.
    private func withAttributes(
        of file: String, except names: Set<String>, backend: String? = nil, _ body: (String) throws -> Void
    ) throws {
        try TestFiles.withLayout(file) { path throws in
            let model = try HDF5File(reading: path)
            let weights = try model.root.group("model_weights")
            let copy = path + ".copy.h5"
            let output = try HDF5Output(creating: copy, like: model)
            try output.copyAttributes(of: model.root, to: "/", except: names)
            try output.createGroup("model_weights", like: weights)
            try output.copyAttributes(of: weights, to: "model_weights", except: names)
            if let backend {
                try output.write([backend], toAttribute: "backend", of: "/", form: .variableUTF8)
            }
            for layer in try weights.attributes.strings("layer_names") {
                let group = try weights.group(layer)
                try output.createGroup("model_weights/" + layer, like: group)
                try output.copyAttributes(of: group, to: "model_weights/" + layer)
                for (name, dataset) in try group.datasets() {
                    try output.copy(dataset, to: "model_weights/\(layer)/\(name)")
                }
            }
            try output.close()
            try body(copy)
        }
    }
}

extension Network {
    /// The network without a final softmax.
    fileprivate var upToLogits: Network {
        var network = self
        if case .activation(.softmax) = nodes[output].operation { network.output = nodes[output].inputs[0] }
        return network
    }
}
