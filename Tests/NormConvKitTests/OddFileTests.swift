import Archives
import Foundation
import HDF5
import TestSupport
import Testing

@testable import NormConvKit

@Suite("Odd files")
struct OddFileTests {
    @Test(
        "JSON in place of weights is refused with what to do",
        arguments: [
            ("model.weights.json", "model.save('model.keras')"),
            ("x.index.json", "save one file"),
            ("config.json", "--architecture"),
        ])
    func json(name: String, remedy: String) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/" + name
            try Data(#" {"metadata": {}, "weight_map": {"/layers/conv2d/vars": ["x_0.weights.h5"]}}"#.utf8)
                .write(to: URL(fileURLWithPath: path))
            try expectRefusal(path, remedy)
        }
    }

    @Test("a parameter of the network without values is refused")
    func emptyParameter() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.safetensors"
            let whole = try Model(path: TestFiles.fixture("torchvision-basic.torch.h5"))
            let parameters = whole.checkpoint.parameters.map { parameter in
                guard parameter.name == "conv1.weight" else { return parameter }
                let shape = Shape([parameter.shape[0], 0, 3, 3])
                return Parameter(name: parameter.name, shape: shape, elementType: .float32) {
                    Tensor(shape: shape, values: [])
                }
            }
            try NewCheckpoint(
                parameters: ParameterTable(parameters), isKeras: false, modelConfig: nil, note: "{}"
            )
            .write(to: path, layout: .safetensors, overwrite: false)
            let error = CheckpointError.emptyParameter(
                path: path, name: "conv1.weight", shape: [whole.checkpoint.parameters[0].shape[0], 0, 3, 3])
            #expect(throws: error) { try Model(path: path) }
        }
    }

    @Test("a .keras archive whose weights are in shards is refused with what to do")
    func shardedArchive() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.keras"
            var output = try ZipOutput(path: path, named: path)
            try output.add("metadata.json", Array(#"{"keras_version": "3.10.0"}"#.utf8))
            try output.add("config.json", Array(#"{"class_name": "Functional", "config": {}}"#.utf8))
            try output.add(
                "model.weights.json",
                Array(
                    #"{"metadata": {}, "weight_map": {"/layers/conv2d/vars": ["model_00000.weights.h5"]}}"#
                        .utf8))
            try output.add("model_00000.weights.h5", [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a])
            try output.close()
            try expectRefusal(path, "model.save('model.keras')")
        }
    }

    @Test(
        "a shortcut that pads channels with zeros has no layer in Keras: refused by name, and nothing is written"
    )
    func optionA() throws {
        let model = try Model(path: TestFiles.fixture("mnist-resnet.torch.h5"))
        let options = ConversionOptions(groups: .perGroup(4))
        let plan = try model.plan(options)
        try TestFiles.withTemporaryFolder { folder throws in
            for layout in [OutputLayout.keras, .keras3, .weights] {
                let error = #expect(throws: FileFailure.self) {
                    try model.write(plan, to: folder + "/x", options: options, layout: layout)
                }
                let cause = NetworkError.noKerasLayer(
                    layer: "layer2.0.shortcut", for: "a shortcut that pads channels with zeros")
                #expect(error?.cause as? NetworkError == cause)
                #expect("\(try #require(error))".contains("--layout safetensors or torch"))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test(
        "Keras 1's names are refused with what to do",
        arguments: ["conv1_W", "conv1_W_1:0", "bn_conv1_running_std:0"])
    func keras1(weight: String) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.h5"
            let model = try HDF5File(reading: TestFiles.fixture("mnist-resnet.keras2.h5"))
            let output = try HDF5Output(creating: path, like: model)
            try output.createGroup("conv1", like: model.root)
            try output.write(["conv1"], toAttribute: "layer_names", of: "/", form: .fixedASCII)
            try output.write([weight], toAttribute: "weight_names", of: "conv1", form: .fixedASCII)
            try output.close()
            try expectRefusal(path, "tf_keras")
        }
    }

    @Test("a configuration none of whose layers has a tensor of the file is refused, naming some")
    func nothingMatches() throws {
        let config = """
            {"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", \
            "config": {"name": "i", "batch_shape": [null, 28, 28, 1]}}, {"class_name": "Flatten", \
            "config": {"name": "f"}}]}}
            """
        let path = TestFiles.fixture("mnist-sequential.keras2-weights.h5")
        let error = #expect(throws: FileFailure.self) { try Model(path: path, architecture: config) }
        #expect("\(try #require(error))".contains("belongs to a layer of the configuration"))
    }

    @Test("tensors that the network does not use are listed, by inspect and by convert")
    func unused() throws {
        let old = try openCheckpoint(TestFiles.fixture("torchvision-bottleneck.safetensors"))
        try TestFiles.withTemporaryFolder { folder throws in
            var edits = ParameterEdits()
            edits.set("extra.scale", .insert(Tensor([1]), .after, neighbour: "fc.bias"))
            let path = folder + "/x.safetensors"
            try old.write(to: path, edits: edits, modelConfig: nil, note: "{}", overwrite: false)
            let model = try Model(path: path)
            #expect(InspectReport(model).unused == ["extra.scale"])
            #expect(model.doubt?.contains("not used by the ResNet") == true)
            #expect(try Model(path: old.path).doubt == nil)
            let options = ConversionOptions(groups: .perGroup(4))
            let plan = try model.plan(options)
            let note = ConversionNote(plan, options: options, preprocess: "raw")
            #expect(ConvertReport(model, plan, note: note, output: nil).unused == ["extra.scale"])
        }
    }

    /// The tail of keras.applications' first MobileNet.
    @Test(
        "scores are what a softmax or sigmoid sees that only changes of shape follow",
        arguments: [Activation.softmax, .sigmoid])
    func probabilitiesBeforeReshape(_ activation: Activation) throws {
        let model = try Model(path: TestFiles.fixture("mnist-resnet.keras3.h5"))
        let plain = model.logits
        guard case .activation(.softmax) = model.network.nodes[model.network.output].operation else {
            Issue.record("no softmax at the end")
            return
        }
        var network = model.network
        network.nodes[network.output].operation = .activation(activation)
        for operation in [Networks.Operation.reshape([1, 1, 10]), .flatten] {
            network.nodes.append(Node(layer: "\(operation)", operation: operation, inputs: [network.output]))
            network.output = network.nodes.count - 1
        }
        let shape: Shape = [28, 28, 1]
        let images = ImageSource(
            try images(
                4, of: Split(path: TestFiles.fixture("mnist-test-100.npz")), .raw))
        let outputs = try [plain, network.upToLogits].map { network in
            try ReferenceEngine(
                network: network, parameters: model.parameters, imageShape: shape
            ).run(on: images)
        }
        #expect(outputs[0] == outputs[1])
        let fast = try OneDNNEngine(
            network: network.upToLogits, parameters: model.parameters, imageShape: shape, workers: 1
        ).run(on: images)
        expectClose(Tensor(shape: [4, 10], values: fast), Tensor(shape: [4, 10], values: outputs[0]))
        #expect(outputs[0].contains { $0 < 0 })
    }

    private func expectRefusal(_ path: String, _ remedy: String) throws {
        let error = #expect(throws: CheckpointError.self) { try openCheckpoint(path) }
        let message = "\(try #require(error))"
        #expect(message.contains(remedy))
        #expect(message.contains(path))
        #expect(!message.contains("\n"))
    }
}
