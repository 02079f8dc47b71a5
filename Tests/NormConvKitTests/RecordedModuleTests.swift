import Checkpoints
import HDF5
import Networks
import NormConvKit
import Tensors
import TestSupport
import Testing

@testable import NormConvKit

/// torchvision's ResNet with one thing changed: names and shapes are those of a plain one, the modules in the file tell.
@Suite("Networks whose modules are recorded")
struct RecordedModuleTests {
    static let forms = ["pth", "script.pt", "traced.pt"]
    static let scored = ["stride", "dilation", "silu", "leaky", "same", "no_pool", "cifar", "dense"]
    static let refused = [
        ("identity", "module 'layer3.0.relu' is a module of class 'Identity', expected ReLU"),
        ("reflect", "module 'layer2.0.conv1' has padding_mode 'reflect', expected 'zeros'"),
        (
            "extra",
            "module 'layer1.1' is a module of class 'Tanh', which is not part of a ResNet-10 (torchvision names)"
        ),
        (
            "maximum",
            "module 'avgpool' is a module of class 'AdaptiveMaxPool2d', expected the mean of all positions"
        ),
        (
            "squared",
            "module 'layer1.0.sq' is a module of class 'Square', which is not part of a ResNet-10 (torchvision names)"
        ),
    ]

    @Test("what the graph can express is computed as PyTorch computes it", arguments: scored, forms)
    func logits(change: String, form: String) throws {
        try TestFiles.withModules("\(change).\(form)") { path throws in
            let model = try Model(path: path)
            #expect(model.inspection.otherModules.isEmpty)
            let (images, expected) = try reference(change, model.preprocessing)
            expectClose(try NormConvKitTests.logits(model, images, .fast), expected)
        }
    }

    @Test("what it cannot express is not scored, with the first such module named", arguments: refused, forms)
    func refusal(change: (name: String, difference: String), form: String) throws {
        try TestFiles.withModules("\(change.name).\(form)") { path throws in
            let model = try Model(path: path)
            #expect(model.inspection.otherModules.first == change.difference)
            let error = #expect(throws: EvaluationRefusal.self) { try model.checkGraph() }
            #expect(error?.description.hasPrefix(change.difference) == true)
            #expect(error?.description.contains("save model.state_dict() instead") == true)
        }
    }

    @Test(
        "a converted file, which has no modules, remembers what they were",
        arguments: ["dilation", "silu", "no_pool", "identity"], ["pth", "traced.pt"])
    func converted(change: String, form: String) throws {
        try TestFiles.withModules("\(change).\(form)") { path throws in
            let model = try Model(path: path)
            for output in [path + ".converted.pth", path + ".converted.safetensors"] {
                let plan = try model.convert(to: output, options: ConversionOptions(groups: .gcd))
                let converted = try Model(path: output)
                #expect(converted.network.nodes.map(\.operation) == plan.network.nodes.map(\.operation))
                #expect(converted.inspection.otherModules == model.inspection.otherModules)
                #expect(converted.network.isComplete == model.network.isComplete)
            }
        }
    }

    private static let options = ConversionOptions(groups: .gcd)

    /// The convolutions of a file's network, and those that a conversion leaves alone because of its modules.
    private func unproven(
        _ name: String, pairs: GivenPairs? = nil, options: ConversionOptions = options
    ) throws -> (unproven: [String], standardized: [String], warnings: [String]) {
        try TestFiles.withModules(name) { path throws in
            let plan = try Model(path: path, facts: GivenFacts(pairs: pairs)).plan(options)
            let left = plan.report.leftAlone.filter {
                if case .exempt(.unproven) = $0.reason { true } else { false }
            }
            return (
                left.map(\.layer), plan.report.standardized, plan.report.warnings.map { $0.text(listing: 9) }
            )
        }
    }

    @Test(
        "a module that may stand between a convolution and its norm is told, and keeps its weights",
        arguments: forms)
    func unprovenPairs(form: String) throws {
        let (unproven, standardized, warnings) = try unproven("squared.\(form)")
        #expect(unproven == ["layer1.0.conv1", "layer1.0.conv2"])
        #expect(standardized.first == "conv1" && standardized.count == 10)
        let module = "module 'layer1.0.sq' is a module of class 'Square'"
        #expect(warnings.contains { $0.contains(module) })
        #expect(
            warnings.contains { $0.contains("precedes 'layer1.0.bn1', 'layer1.0.bn2': such convolutions") })
        #expect(warnings.contains { $0.contains("--pairs FILE") })
    }

    @Test("given pairs and assumed ones are standardized in spite of other modules")
    func givenPairs() throws {
        let pairs = try GivenPairs([
            GivenPairs.Pair(convolution: "layer1.0.conv2", norm: "layer1.0.bn2")
        ])
        let given = try unproven("squared.pth", pairs: pairs)
        #expect(given.unproven == ["layer1.0.conv1"])
        #expect(given.standardized.count == 11)
        var options = Self.options
        options.assumesAdjacent = true
        let assumed = try unproven("squared.pth", options: options)
        #expect(assumed.unproven == [] && assumed.standardized.count == 12)
    }

    @Test(
        "a module in the place of another one stands nowhere else",
        arguments: ["identity", "reflect", "maximum"])
    func otherModulesInPlace(change: String) throws {
        let (unproven, standardized, warnings) = try unproven("\(change).pth")
        #expect(unproven == [] && standardized.count == 12)
        let difference = try #require(Self.refused.first { $0.0 == change }?.1)
        #expect(warnings.contains { $0.contains(difference) })
    }

    @Test("a module behind a block is not in it")
    func strangerOutside() throws {
        #expect(try unproven("extra.pth").unproven == ["conv1"])
    }

    @Test("a network whose modules are its family's has no such warning")
    func noStranger() throws {
        let (unproven, standardized, warnings) = try unproven("silu.pth")
        #expect(unproven == [] && standardized.count == 12)
        #expect(!warnings.contains { $0.contains("module") || $0.contains("nothing proves") })
    }

    @Test("a plain network's note does not list its modules")
    func plainNote() throws {
        try TestFiles.withModules("same.pth") { path throws in
            let output = path + ".converted.pth"
            try Model(path: path).convert(to: output, options: ConversionOptions(groups: .gcd))
            // 'same' of a 3×3 convolution is the usual margin.
            #expect(try Model(path: output).note?.modules == nil)
        }
    }

    @Test("tied weights that a conversion gives different values are named")
    func untied() throws {
        let model = try Model(path: TestFiles.fixture("pickles/module.pth"))
        let double = ParameterEdit.replace { Tensor(shape: $0.shape, values: $0.values.map { $0 * 2 }) }
        var edits = ParameterEdits()
        #expect(try model.untied(by: edits) == [])
        edits.set("head.weight", double)
        let warning = try model.untied(by: edits)
        #expect(warning == [.untied(parameters: ["fc.weight", "head.weight"])])
        #expect(warning.first?.description.contains("'fc.weight', 'head.weight' are one tensor") == true)
        edits.set("fc.weight", double)
        #expect(try model.untied(by: edits) == [])
    }

    private func reference(
        _ name: String, _ preprocessing: Preprocessing
    ) throws -> (images: Tensor, expected: Tensor) {
        try TestFiles.withModules("outputs.h5") { path throws in
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
