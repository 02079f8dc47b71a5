import Tensors
import TestSupport
import Testing

@testable import Checkpoints

@Suite("What files of whole modules record beside parameters")
struct RecordedModuleTests {
    @Test(
        "classes and settings are the same in a pickle, a script and a trace",
        arguments: ["dilation.pth", "dilation.script.pt", "dilation.traced.pt"])
    func forms(file: String) throws {
        try TestFiles.withModules(file) { path throws in
            let modules = try openCheckpoint(path).modules
            let conv = try #require(modules["layer4.0.conv1"])
            #expect((conv.className, conv.library, conv.isLeaf) == ("Conv2d", "torch.nn.modules.conv", false))
            #expect(conv.pair("stride").map { [$0.height, $0.width] } == [1, 1])
            #expect(conv.pair("padding").map { [$0.height, $0.width] } == [2, 2])
            #expect(conv.pair("dilation").map { [$0.height, $0.width] } == [2, 2])
            #expect(conv.number("groups") == 1)
            let pool = try #require(modules["maxpool"])
            #expect((pool.className, pool.isLeaf) == ("MaxPool2d", true))
            #expect(pool.pair("kernel_size").map { [$0.height, $0.width] } == [3, 3])
            #expect(pool.pair("stride").map { [$0.height, $0.width] } == [2, 2])
            #expect(modules["layer1.0.relu"]?.className == "ReLU")
            #expect(modules["layer1.0"]?.className == "BasicBlock")
            #expect(modules[""]?.className == "ResNet")
            #expect(modules["bn1"]?.number("eps") == 1e-5)
        }
    }

    @Test("a state_dict records none")
    func stateDictionary() throws {
        #expect(try openCheckpoint(TestFiles.fixture("pickles/checkpoint.pth")).modules.isEmpty)
    }

    @Test(
        "constants of calls in TorchScript",
        arguments: [
            (
                "x = torch._convolution(a, w, None, [1, 2], [0, 1], [1, 1], False, [0, 0], 4, False)",
                "_convolution",
                ["stride": .numbers([1, 2]), "padding": .numbers([0, 1]), "groups": .number(4)]
            ),
            (
                "x = torch._convolution_mode(a, w, None, [1, 1], \"same\", [1, 1], 1)", "_convolution_mode",
                ["padding": .text("same")]
            ),
            ("return torch.leaky_relu_(a)", "leaky_relu", ["negative_slope": .number(0.01)]),
            (
                "_0 = torch.gelu((fc).forward(x, ), approximate=\"tanh\")", "gelu",
                ["approximate": .text("tanh")]
            ),
            ("_0 = __torch__.torch.nn.functional.relu(input, True, )", "relu", [:]),
            ("_0 = __torch__.torch.nn.functional._max_pool2d", "_max_pool2d", [:]),
            (
                "x = torch.max_pool2d(a, [3, 3], [2, 2], [1, 1], [1, 1], True)", "max_pool2d",
                ["ceil_mode": .flag(true)]
            ),
            // Nothing of these is a constant of a setting.
            ("x = torch.max_pool2d(a, k, s", "max_pool2d", [:]),
            ("x = torch.avg_pool2d(a, [1e999, 1], [", "avg_pool2d", ["kernel_size": RecordedSetting.none]),
        ] as [(String, String, [String: RecordedSetting])])
    func calls(line: String, function: String, settings: [String: RecordedSetting]) throws {
        let call = try #require(TorchScriptCall.all(in: line[...]).first)
        #expect(call.function == function)
        for (name, value) in settings { #expect(call.settings[name] == value, "\(name)") }
        if settings.isEmpty { #expect(call.settings.values.allSatisfy { $0 == .none }) }
    }

    @Test(
        "types and variables are no calls",
        arguments: [
            "def forward(self: __torch__.torch.nn.modules.conv.Conv2d,", "x = mytorch.relu(a)",
            "weight = self.weight",
        ])
    func noCalls(line: String) {
        #expect(TorchScriptCall.all(in: line[...]).isEmpty)
    }
}
