import HDF5
import NormConvKit
import TestSupport
import Testing

/// Networks in files without a configuration, against the outputs of the code that made them.
@Suite("Networks told by names and shapes")
struct NamedNetworkTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var file: String
        var architecture: String
        var preprocessing: String
        var isBatchNorm = true
        var testDescription: String { file }
        /// Its group in `outputs.h5`.
        var name: String { String(file.prefix { $0 != "." }) }
    }

    static let cases = [
        Case(file: "resnet-d.safetensors", architecture: "ResNet-17-D (timm names)", preprocessing: "torch"),
        Case(file: "resnetv2.safetensors", architecture: "ResNetV2-17 (timm names)", preprocessing: "torch"),
        Case(
            file: "bit.safetensors", architecture: "BiT R8x1 (timm names)", preprocessing: "tf",
            isBatchNorm: false),
        Case(
            file: "bit.npz", architecture: "BiT R8x1 (TensorFlow names)", preprocessing: "tf",
            isBatchNorm: false),
        Case(
            file: "keras-resnet.weights.h5", architecture: "ResNet-17 (keras.applications)",
            preprocessing: "caffe"),
        Case(
            file: "keras-resnet-old.h5", architecture: "ResNet-17, old names (keras.applications)",
            preprocessing: "caffe"),
        Case(
            file: "keras-resnet-v2.h5", architecture: "ResNet-26V2 (keras.applications)", preprocessing: "tf"),
    ]

    @Test(
        "they are recognised, and give the outputs of their frameworks", arguments: cases, EngineKind.allCases
    )
    func outputs(network: Case, engine: EngineKind) throws {
        try TestFiles.withNamedNetwork(network.file) { path throws in
            let model = try Model(path: path)
            #expect(model.network.architecture == network.architecture)
            #expect(model.basis == .names)
            #expect(model.unusedParameters.isEmpty)
            #expect(model.preprocessing.description == network.preprocessing)
            let (images, expected) = try reference(network.name, model.preprocessing)
            let found = try logits(model, images, engine)
            expectClose(network.name.hasPrefix("keras") ? try probabilities(found) : found, expected)
        }
    }

    @Test(
        "they convert, and the converted file is the planned network", arguments: cases.filter(\.isBatchNorm))
    func conversion(network: Case) throws {
        try TestFiles.withNamedNetwork(network.file) { path throws in
            let model = try Model(path: path)
            let output = path.replacing(network.name, with: "converted")
            let plan = try model.convert(to: output, options: ConversionOptions(groups: .perGroup(4)))
            let converted = try Model(path: output)
            #expect(converted.network.nodes.map(\.inputs) == plan.network.nodes.map(\.inputs))
            let norms = converted.network.nodes.compactMap { node in
                if case .groupNorm(let norm) = node.operation { norm.groups } else { nil }
            }
            #expect(norms == plan.norms.map(\.groups))
            // Converted weights are standardized once and for all: nobody does it again.
            #expect(
                !converted.network.nodes.contains {
                    if case .convolution(let conv) = $0.operation {
                        conv.standardization != nil
                    } else {
                        false
                    }
                })
        }
    }

    @Test("there is nothing to convert in BiT", arguments: ["bit.safetensors", "bit.npz"])
    func nothing(file: String) throws {
        try TestFiles.withNamedNetwork(file) { path throws in
            let plan = try Model(path: path).plan(ConversionOptions())
            #expect(plan.report.warnings.contains(.nothingToConvert))
            #expect(plan.edits.names.isEmpty)
        }
    }

    @Test("a file of weights alone takes its architecture from elsewhere, converted or not")
    func architecture() throws {
        try TestFiles.withNamedNetwork("keras-resnet.weights.h5") { path throws in
            let config = try TestFiles.withNamedNetwork("keras-resnet.json") { path throws in
                try String(contentsOfFile: path, encoding: .utf8)
            }
            let model = try Model(path: path, architecture: config)
            #expect(model.basis == .configuration)
            let (images, expected) = try reference("keras-resnet", model.preprocessing)
            expectClose(try probabilities(logits(model, images, .fast)), expected)
            let output = path.replacing("keras-resnet", with: "converted")
            try model.convert(to: output)
            let byConfig = try Model(path: output, architecture: config)
            expectClose(
                try logits(byConfig, images, .fast), try logits(Model(path: output), images, .fast))
        }
    }

    /// Stray parameters by file: a norm behind the trunk, and something inside of a block.
    @Test(
        "a network with more than its names describe is not run",
        arguments: [
            ("keras-resnet.weights.h5", ["neck/moving_mean", "neck/moving_variance"], "and others"),
            ("keras-resnet.weights.h5", ["conv2_block1_se_reduce/kernel"], "unknown network"),
            (
                "keras-resnet-old.h5", ["neck/neck/moving_mean:0", "neck/neck/moving_variance:0"],
                "and others"
            ),
            ("keras-resnet-old.h5", ["scale2a_branch1/scale2a_branch1/gamma:0"], "unknown network"),
            ("keras-resnet-v2.h5", ["neck/moving_mean", "neck/moving_variance"], "and others"),
            ("resnetv2.safetensors", ["neck.running_mean", "neck.running_var"], "and others"),
            ("resnetv2.safetensors", ["stages.0.blocks.0.se.fc1.weight"], "unknown network"),
        ])
    func more(file: String, strays: [String], architecture: String) throws {
        try TestFiles.withNamedNetwork(file) { path throws in
            let parameters = try openCheckpoint(path).parameters
            let found = try recognizeNames(parameters: parameters.with(strays))
            #expect(try recognizeNames(parameters: parameters).network.isComplete)
            #expect(!found.network.isComplete)
            #expect(found.network.architecture.contains(architecture))
            let layer = strays[0].prefix { !"/.".contains($0) }
            #expect(found.assumptions.last?.contains(layer) == true)
        }
    }

    @Test(
        "a norm beside the network is converted, and the converted file is not run either",
        arguments: [
            ("resnetv2.safetensors", ["neck.weight", "neck.bias", "neck.running_mean", "neck.running_var"]),
            ("resnetv2.safetensors", ["neck.running_mean", "neck.running_var"]),
        ])
    func beside(file: String, norm: [String]) throws {
        try TestFiles.withNamedNetwork(file) { path throws in
            let checkpoint = try openCheckpoint(path)
            var edits = ParameterEdits()
            let last = try #require(checkpoint.parameters.names.last)
            for name in norm {
                edits.set(name, .insert(Tensor(shape: [8], repeating: 1), .after, neighbour: last))
            }
            let (whole, output) = (path + "-whole.\(file)", path + "-converted.\(file)")
            try checkpoint.write(to: whole, edits: edits, modelConfig: nil, note: "{}", overwrite: false)
            // Copied, the scale stays 1 and the offset 0: nothing of the second file's norm is left but the note.
            try Model(path: whole).convert(
                to: output, options: ConversionOptions(groups: .perGroup(4), initialization: .copy))
            for path in [whole, output] {
                let error = #expect(throws: FileFailure.self) {
                    try Model(path: path).engine(imageShape: [64, 64, 3])
                }
                #expect("\(try #require(error))".contains("a norm is not part of the"))
                #expect("\(try #require(error))".contains("'neck'"))
            }
            #expect(
                !(try Model(path: output)).network.nodes.contains {
                    if case .batchNorm = $0.operation { true } else { false }
                })
        }
    }

    @Test("Keras' names of a converted norm beside the network are the note's")
    func converted() throws {
        try TestFiles.withNamedNetwork("keras-resnet-old.h5") { path throws in
            let parameters = try openCheckpoint(path).parameters
            let neck = ["neck": GroupNormSettings(groups: 2, epsilon: 1e-5)]
            let found = try recognizeNames(
                parameters: parameters.with(["neck/neck/gamma:0", "neck/neck/beta:0"]), groupNorms: neck)
            #expect(!found.network.isComplete)
            #expect(found.network.nodes.last?.layer == "neck")
            #expect(found.unused.isEmpty)
        }
    }

    @Test("BiT with a norm in a projection is another network")
    func strayInBiT() throws {
        for (file, stray) in [
            ("bit.safetensors", "stages.0.blocks.0.downsample.norm.weight"),
            ("bit.npz", "resnet/block1/unit01/a/proj/group_norm/gamma"),
        ] {
            try TestFiles.withNamedNetwork(file) { path throws in
                let parameters = try openCheckpoint(path).parameters
                #expect(
                    throws: NetworkError.unrecognized(
                        reason: "parameter '\(stray)' does not belong to a plain ResNet")
                ) { try recognizeNames(parameters: parameters.with([stray])) }
            }
        }
    }

    @Test("without a classifier a network converts and is not scored")
    func withoutClassifier() throws {
        try TestFiles.withNamedNetwork("keras-resnet-v2.h5") { path throws in
            let model = try Model(path: path)
            var edits = ParameterEdits()
            for name in model.checkpoint.parameters.names where name.hasPrefix("predictions/") {
                edits.set(name, .remove)
            }
            let output = path + ".notop.h5"
            try model.checkpoint.write(
                to: output, edits: edits, modelConfig: nil, note: "{}", overwrite: false)
            let notop = try Model(path: output)
            #expect(notop.network.architecture.hasSuffix("without a classifier"))
            #expect(try notop.plan(ConversionOptions()).norms.count == 25)
            let error = #expect(throws: FileFailure.self) { try notop.engine(imageShape: [64, 64, 3]) }
            #expect(error?.cause as? EvaluationRefusal == .noClassifier(output: [2, 2, 16]))
        }
    }

    /// Preprocessed images and what the framework gives for them.
    private func reference(
        _ name: String, _ preprocessing: Preprocessing
    ) throws -> (images: Tensor, expected: Tensor) {
        try TestFiles.withNamedNetwork("outputs.h5") { path throws in
            let pixels = try dataset("images", in: path)
            let split = path + ".split.h5"
            let output = try HDF5Output(creating: split)
            try output.write(
                pixels.values.map { UInt8($0) }, of: .uint8, shape: pixels.shape.extents, to: "images")
            try output.write([0, 0], of: .uint8, shape: [2], to: "labels")
            try output.close()
            return (
                try images(2, of: Split(path: split), preprocessing), try dataset(name, in: path)
            )
        }
    }
}

extension ParameterTable {
    /// The same with parameters of eight values behind.
    fileprivate func with(_ names: [String]) -> ParameterTable {
        ParameterTable(
            self
                + names.map { name in
                    Parameter(name: name, shape: [8], elementType: .float32) {
                        Tensor(shape: [8], repeating: 1)
                    }
                })
    }
}
