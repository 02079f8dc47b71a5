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
    static let scored = ["stride", "dilation", "silu", "leaky", "same", "no_pool", "cifar"]
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
