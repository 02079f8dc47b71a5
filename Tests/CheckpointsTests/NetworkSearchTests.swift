import Archives
import Tensors
import Testing

@testable import Checkpoints

@Suite("the network in a pickle")
struct NetworkSearchTests {
    private func names(_ value: Python, key: String? = nil) throws -> [String] {
        var reader = PickleReader(value.pickle, path: "p")
        return try PickleMachine.load(&reader, path: "p") {
            try StateDictionary($0.value, key: key, path: "p").tensors.map(\.name)
        }
    }

    private func expectError(
        _ value: Python, key: String? = nil, _ error: PickleError,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: error, sourceLocation: sourceLocation) { try names(value, key: key) }
    }

    private func state(_ name: String) -> Python { [.string(name): .tensor([2]), "epoch": 3] }

    @Test("a usual key comes before others, also where these have more tensors")
    func usualKey() throws {
        let big: Python = ["a.x": .tensor([2]), "a.y": .tensor([2])]
        for key in StateDictionary.usualKeys {
            #expect(try names(["teacher": big, .string(key): state("b.x")]) == ["b.x"])
        }
        #expect(try names(["model": ["state_dict": state("b.x")]]) == ["b.x"])
        #expect(
            try names(["model": .none, "state_dict": [:], "other": big]) == ["a.x", "a.y"])
    }

    @Test("an optimizer's tensors are no network's, however many")
    func optimizer() throws {
        #expect(try names(["optimizer": .optimizer, "own": state("b.x")]) == ["b.x"])
        #expect(try names(["model": .optimizer, "own": state("b.x")]) == ["b.x"])
        expectError(
            ["optimizer": .optimizer], .noTensors(path: "p", found: "a dict without tensors"))
        expectError(
            [0: ["a": .tensor([2])]], .noTensors(path: "p", found: "a dict without tensors")
        )
        expectError([0: .tensor([2])], .noTensors(path: "p", found: "a dict without tensors"))
    }

    @Test(
        "averages are taken where there is nothing else, or by key",
        arguments: ["model_ema", "ema", "ema_state_dict", "state_dict_ema", "net.ema", "swa-model", "EMA"])
    func averages(text: String) throws {
        let name = Python.string(text)
        #expect(try names([name: state("a.x"), "network of mine": state("b.x")]) == ["b.x"])
        #expect(try names([name: state("a.x"), "network of mine": state("b.x")], key: text) == ["a.x"])
        #expect(try names([name: state("a.x"), "optimizer": .optimizer]) == ["a.x"])
    }

    @Test("no other word with these letters is an average")
    func schema() {
        expectError(
            ["schema": state("a.x"), "semantics": state("b.x")],
            .severalNetworks(path: "p", found: ["'schema' (1 tensor)", "'semantics' (1 tensor)"]))
    }

    @Test("dictionaries in a dictionary are modules")
    func nested() throws {
        let tree: Python = [
            "conv1": ["weight": .tensor([2])], "bn1": ["bias": .tensor([2]), "eps": .float(1)],
        ]
        #expect(try names(tree) == ["conv1.weight", "bn1.bias"])
        #expect(try names(["model": tree]) == ["conv1.weight", "bn1.bias"])
        #expect(try names(["weight": .tensor([2]), "optimizer": .optimizer]) == ["weight"])
    }

    @Test("a key is a path, whose parts may have dots")
    func paths() throws {
        let value: Python = ["a": ["b.c": ["d": state("x.y")], "b": ["c": 1]]]
        #expect(try names(value, key: "a.b.c.d") == ["x.y"])
        #expect(try names(value, key: "a") == ["b.c.d.x.y"])
        expectError(
            value, key: "a.b.c.e",
            .unknownKey(path: "p", name: "a.b.c.e", found: ["'a' (1 tensor)", "'a.b.c.d' (1 tensor)"]))
        #expect(try names(.tuple([state("a.x"), .optimizer]), key: "0") == ["a.x"])
    }

    @Test("modules by their structure: own tensors first, without what is not in a state_dict")
    func module() throws {
        let child = Python.module(parameters: [("weight", .tensor([2])), ("bias", .none)])
        let module = Python.module(
            parameters: [("scale", .tensor([2]))],
            buffers: [("kept", .tensor([2])), ("dropped", .tensor([2])), ("empty", .none)],
            notPersistent: ["dropped"], modules: [("first", child), ("none", .none), ("second", child)],
            [("plain", .tensor([2]))])
        #expect(try names(module) == ["scale", "kept", "first.weight", "second.weight"])
        #expect(
            try names(["model": module, "state": .optimizer]) == [
                "scale", "kept", "first.weight", "second.weight",
            ])
        #expect(try names(module, key: "first") == ["weight"])
        // Attributes of somebody's own object.
        let learner = Python.object(
            .global("fastai.learner", "Learner"), state: ["model": module, "lr": 1])
        #expect(try names(learner).count == 4)
        // A graph of torch.fx is rebuilt from a dictionary of attributes.
        let attributes: Python = ["_parameters": ["w": .tensor([2])], "_modules": [:]]
        #expect(
            try names(
                .call(.global("torch.fx.graph_module", "reduce_graph_module"), [attributes, "import torch"]))
                == ["w"])
    }

    @Test("TorchScript without parameters may be frozen, which the error says")
    func frozen() throws {
        let type = Python.global("__torch__.torch.jit", "Net")
        for state in [Python.none, ["training": .bool(false)]] {
            expectError(.object(type, state: state), .frozenScript(path: "p"))
        }
        #expect("\(PickleError.frozenScript(path: "p"))".contains("save it before torch.jit.freeze"))
    }

    @Test("classes of dictionaries, and lists of pairs")
    func forms() throws {
        let own = Python.items(.global("easydict", "EasyDict"), [("state_dict", state("a.x"))])
        #expect(try names(own) == ["a.x"])
        let ordered = Python.call(
            .global("collections", "OrderedDict"),
            [.list([.list(["a.x", .tensor([2])]), .list(["a.y", .tensor([2])])])])
        #expect(try names(ordered) == ["a.x", "a.y"])
        #expect(
            try names(.list([.tuple(["a", .tensor([2])]), .tuple(["b", .tensor([2])])])) == ["a", "b"])
        expectError(
            .list([.tuple(["a", .tensor([2])]), .tuple(["b", 2])]), .noTensors(path: "p", found: "a list"))
    }

    @Test(
        "one dictionary under two keys beside each other is still two networks; deeper down it is the same one"
    )
    func aliases() throws {
        let network = Python.put(0, ["x.y": .tensor([2])])
        expectError(
            ["a": network, "b": .get(0)],
            .severalNetworks(path: "p", found: ["'a' (1 tensor)", "'b' (1 tensor)"]))
        let deeper = try names(["a": network, "b": ["c": .get(0)]])
        #expect(deeper == ["x.y"])
    }

    @Test("objects in circles are looked at once; dictionaries in circles as modules are an error")
    func circles() throws {
        let type = Python.global("somebodys", "Trainer")
        let trainer = Python.put(0, .object(type, state: ["me": .get(0), "net": ["x.y": .tensor([2])]]))
        #expect(try names(trainer) == ["x.y"])
        expectError(.put(0, ["a": .get(0)]), .tooDeep(path: "p", limit: 32))
    }

    @Test("a tensor that is not read is an error only in the network")
    func unreadable() throws {
        let quantized = Python.call(.global("torch._utils", "_rebuild_qtensor"), [1, 2])
        #expect(
            try names(["state_dict": state("a.x"), "other": ["b.x": quantized]]) == [
                "a.x"
            ])
        expectError(
            ["a.x": quantized, "a.y": .tensor([2])],
            .unreadableTensor(path: "p", name: "a.x", found: "a quantized tensor"))
    }

    @Test("tensors in tuples and lists are no parameters, but are named")
    func packedDense() throws {
        let value = Python.dict([
            ("conv.weight", .tensor([2])), ("fc._packed", .tuple([.tensor([2], key: "1"), .none])),
            ("sizes", [1, 2]),
        ])
        var reader = PickleReader(value.pickle, path: "p")
        let state = try PickleMachine.load(&reader, path: "p") {
            try StateDictionary($0.value, key: nil, path: "p")
        }
        #expect(state.tensors.map(\.name) == ["conv.weight"])
        #expect(state.packed == ["fc._packed"])
    }

    @Test("a quantized tensor in a tuple or list is refused by the name of the tuple")
    func packed() throws {
        let quantized = Python.call(.global("torch._utils", "_rebuild_qtensor"), [1, 2])
        for packed in [Python.tuple([quantized, .tensor([2])]), .list([.none, quantized])] {
            expectError(
                ["conv.weight": .tensor([2]), "fc._packed": packed],
                .unreadableTensor(path: "p", name: "fc._packed", found: "a quantized tensor"))
        }
        #expect(
            try names(["state_dict": state("a.x"), "other": .list([quantized])]) == ["a.x"])
    }
}

@Suite("classes in TorchScript's code")
struct TorchScriptCodeTests {
    @Test("parameters, buffers and ε are read from a class's first lines, or from its call of batch_norm")
    func classes() throws {
        let classes = TorchScriptCode.classes(
            """
            class Own(Module):
              __parameters__ = ["weight", "bias", ]
              __buffers__ = ["running_mean", ]
              __annotations__["0"] = Tensor
              weight : Tensor
              eps : Final[float] = 0.001
              def forward(self: __torch__.Own,
                input: Tensor) -> Tensor:
                eps : Final[float] = 5.
                return input
            class Traced(Module):
              __parameters__ = []
              __buffers__ = []
              def forward(self: __torch__.Traced,
                x: Tensor) -> Tensor:
                input = torch.batch_norm(x, w, b, m, v, False, 0.10000000000000001, 1.0000000000000001e-05, True)
                return input
            class Plain:
              weight : Tensor
            """)
        #expect(classes.count == 3)
        #expect(
            classes["Own"]
                == .init(
                    isModule: true, parameters: ["weight", "bias"], buffers: ["running_mean"],
                    stated: ["eps": .number(0.001)])
        )
        #expect(
            classes["Traced"]
                == .init(
                    isModule: true,
                    called: ["eps": .number(1e-5), RecordedModule.takesBatchStatistics: .flag(false)],
                    functions: ["batch_norm"]))
        #expect(classes["Plain"] == .init(isModule: false))
    }

    @Test("constants that a class states win over what its code calls, which spells them in other ways")
    func statedConstants() throws {
        let classes = TorchScriptCode.classes(
            """
            class AvgPool2d(Module):
              __parameters__ = []
              kernel_size : Final[int] = 2
              ceil_mode : Final[bool] = False
              def forward(self: __torch__.AvgPool2d,
                input: Tensor) -> Tensor:
                return torch.avg_pool2d(input, [2, 2], [3, 3], [0, 0], True, True, None)
            class Two(Module):
              def forward(self: __torch__.Two,
                x: Tensor) -> Tensor:
                y = torch.avg_pool2d(x, [2, 2], [3, 3])
                return torch.avg_pool2d(y, [2, 2], [1, 1])
            """)
        let pool = try #require(classes["AvgPool2d"]?.settings)
        #expect(pool["kernel_size"] == .number(2))
        #expect(pool["stride"] == .numbers([3, 3]))
        #expect(pool["ceil_mode"] == .flag(false))
        let two = try #require(classes["Two"]?.settings)
        #expect(two["kernel_size"] == .numbers([2, 2]))
        #expect(two["stride"] == RecordedSetting.none)
    }

    @Test(
        "text that is no code has no classes",
        arguments: ["", "class ", "class (", "\n\n", "class A", "def f(", "  eps : Final"])
    func nothing(text: String) {
        #expect(TorchScriptCode.classes(text).values.allSatisfy { !$0.isModule })
    }
}
