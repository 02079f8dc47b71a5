import Archives
import Foundation
import TestSupport
import Testing

@testable import Checkpoints

@Suite("PyTorch's zip checkpoints")
struct TorchZipTests {
    @Test("a state dictionary holds what its HDF5 twin holds, bit by bit")
    func twin() throws {
        let file = try openCheckpoint(TestFiles.fixture("torchvision-bottleneck.pth"))
        let twin = try openCheckpoint(TestFiles.fixture("torchvision-bottleneck.torch.h5"))
        #expect(file.layout == .torchZip)
        #expect(file.leftOut.isEmpty)
        #expect(Set(file.parameters.names) == Set(twin.parameters.names))
        for parameter in file.parameters {
            #expect(try parameter.read() == twin.parameters[parameter.name]?.read(), "\(parameter.name)")
        }
    }

    @Test("every element type is read as torch reads it")
    func types() throws {
        try expectStored(try openCheckpoint(TestFiles.fixture("formats/types.pth")), "types")
    }

    @Test("a training checkpoint: wrapped, channels-last, views, and more beside the state dictionary")
    func training() throws {
        let file = try openCheckpoint(TestFiles.fixture("formats/training.pth"))
        try expectStored(file, "training")
        #expect(file.parameters.names.first == "module.conv1.weight")
        #expect(
            file.leftOut == ["other entries of the checkpoint (epoch, name, loss, steps, big, optimizer)"])
    }
}

@Suite("pickles")
struct PickleTests {
    private let ordered = "ccollections\nOrderedDict\n"

    private func load<Result>(_ bytes: [UInt8], _ body: (PickleValue) throws -> Result) throws -> Result {
        var reader = PickleReader(bytes, path: "p")
        return try PickleMachine.load(&reader, path: "p") { try body($0.value) }
    }

    @Test("numbers, strings, lists, tuples and dictionaries are what Python makes of them")
    func plain() throws {
        // {'a': [1, -2, (0.5, None, True)], 7: 300} with memo and marks; 'a' is read back from the memo.
        let bytes: [UInt8] =
            [0x80, 2] + Array("}q\0(X".utf8) + [1, 0, 0, 0] + Array("aq\u{1}](K".utf8) + [1, 0x8a, 1, 0xfe]
            + Array("G".utf8) + [0x3f, 0xe0, 0, 0, 0, 0, 0, 0] + Array("N".utf8) + [0x88, 0x87]
            + Array("eK".utf8) + [7] + Array("M".utf8) + [0x2c, 1] + Array("uh\u{1}0.".utf8)
        try load(bytes) { value in
            guard case .dictionary(let dictionary) = value, case .list(let list)? = dictionary["a"],
                let tuple = list.values.last?.tuple
            else {
                Issue.record("\(value.kind)")
                return
            }
            #expect(list.values.prefix(2).compactMap(\.int) == [1, -2])
            #expect(tuple.map(\.kind) == ["a float", "None", "a bool"])
            #expect(dictionary["7"]?.int == 300)
        }
    }

    @Test(
        "long integers have a sign", arguments: [([], 0), ([0xff], -1), ([0, 0x80], -32768), ([0, 1], 256)])
    func integers(bytes: [UInt8], expected: Int) throws {
        let pickle = [0x8a, UInt8(bytes.count)] + bytes + [UInt8(ascii: ".")]
        try load(pickle) { #expect($0.int == expected) }
    }

    @Test("a million tuples inside each other are freed")
    func deep() throws {
        let bytes = Array(")".utf8) + [UInt8](repeating: 0x85, count: 1_000_000) + Array(".".utf8)
        try load(bytes) { #expect($0.kind == "a tuple") }
    }

    @Test("a list inside itself is freed")
    func circle() throws {
        try load(Array("]q\0h\0a.".utf8)) { #expect($0.kind == "a list") }
    }

    @Test("the pickle ends early", arguments: ["", "}", "X\u{5}\0\0\0ab", "cos\nsystem"])
    func truncated(text: String) {
        expectError(text, .truncated(path: "p", at: text.utf8.count))
    }

    @Test(
        "opcodes of extensions, buffers beside the file and protocol 0 are refused",
        arguments: [0x82, 0x97, UInt8(ascii: "I"), UInt8(ascii: "P"), 0])
    func opcode(opcode: UInt8) {
        expectError([opcode], .unsupportedOpcode(path: "p", at: 0, found: opcode))
    }

    @Test(
        "unknown classes and functions become objects by all opcodes that make one",
        arguments: [
            "ctraining\nSettings\n)R", "ctraining\nSettings\n)\u{81}", "ctraining\nSettings\n)}\u{92}",
            "(itraining\nSettings\n", "(ctraining\nSettings\no",
            "\u{8c}\u{8}training\u{8c}\u{8}Settings\u{93})R",
            // A method of an object, and what it gives.
            "ctraining\nSettings\n)RNN\u{86}R",
        ])
    func objects(text: String) throws {
        try load(text.unicodeScalars.map { UInt8($0.value) } + Array(".".utf8)) { value in
            #expect(value.kind == "an object of 'training.Settings'")
        }
    }

    @Test("an object has the state that it was given, one dictionary alone or before its slots")
    func objectState() throws {
        let type = Python.global("training", "Settings")
        let attributes = Python.dict([("rate", .float(0.5))])
        for state in [attributes, .tuple([attributes, .dict([("slot", 1)])])] {
            try load(Python.object(type, state: state).pickle) { value in
                #expect(value.object?.attributes?["rate"]?.kind == "a float")
            }
        }
        try load(Python.object(type, state: 7).pickle) { value in
            #expect(value.object?.state.int == 7 && value.object?.attributes == nil)
        }
    }

    @Test("sets, shapes, dictionaries with defaults, wide integers and Python 2's strings")
    func others() throws {
        try load(Python.call(.global("torch", "Size"), [.tuple([2, 3])]).pickle) {
            #expect($0.ints == [2, 3])
        }
        try load([0x8f] + Array("(K\u{1}K\u{2}".utf8) + [0x90] + Array(".".utf8)) {
            #expect($0.elements?.values.count == 2)
        }
        try load(Array("(K\u{1}".utf8) + [0x91] + Array(".".utf8)) {
            #expect($0.elements?.values.first?.int == 1)
        }
        let defaults = Python.items(.global("collections", "defaultdict"), [("a", 1)])
        try load(defaults.pickle) { #expect($0.dictionary?["a"]?.int == 1) }
        try load([0x8a, 9] + [UInt8](repeating: 1, count: 9) + Array(".".utf8)) {
            #expect($0.int == nil && $0.kind == "an int")
        }
        try load(Array("U\u{2}ab.".utf8)) { #expect($0.string == "ab") }
        try load(Array("U\u{1}".utf8) + [0xff] + Array(".".utf8)) { value throws in
            guard case .bytes(let bytes) = value else {
                Issue.record("\(value.kind)")
                return
            }
            #expect(try bytes.read() == [0xff])
        }
    }

    @Test(
        "what runs commands or code is refused by name, by line, by stack and as an attribute of a module",
        arguments: [
            ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"),
            ("builtins", "eval"),
            ("__builtin__", "exec"), ("builtins", "__import__"), ("runpy", "run_path"),
            ("os.path", "os.system"),
            ("torch.serialization", "os.system"), ("torch", "sys.modules"),
        ])
    func runsCode(module: String, name: String) {
        let error = PickleError.runsCode(path: "p", name: "\(module).\(name)")
        expectError("c\(module)\n\(name)\n)R.", error)
        let stack = [0x8c, UInt8(module.utf8.count)] + Array(module.utf8) + [0x8c, UInt8(name.utf8.count)]
        expectError(stack + Array(name.utf8) + [0x93], error)
    }

    @Test(
        "names like those that run code are somebody's own classes",
        arguments: [
            ("code.models", "Net"), ("pathlib", "PosixPath"), ("builtins", "getattr"), ("sockets", "open"),
        ])
    func harmless(module: String, name: String) throws {
        try load(Python.call(.global(module, name), []).pickle) {
            #expect($0.kind == "an object of '\(module).\(name)'")
        }
    }

    @Test("no file makes the machine work or remember without an end")
    func limits() {
        let limit = PickleMachine.opcodeLimit
        let error = { (count: Int) in
            PickleError.tooMany(path: "p", object: "values", limit: limit + count / 4)
        }
        for opcode in [UInt8(ascii: "N"), UInt8(ascii: "("), 0x94] {
            let bytes = Array("N".utf8) + [UInt8](repeating: opcode, count: 2 * limit)
            expectError(bytes, error(bytes.count))
        }
        // One list of pairs, of which a dictionary is made again and again.
        let pairs =
            Array("](".utf8) + [UInt8](repeating: UInt8(ascii: "N"), count: 100_000) + Array("eq\0".utf8)
        let copy = Array((ordered + "h\0").utf8) + [0x85] + Array("R0".utf8)
        let copies = [[UInt8]](repeating: copy, count: 20).flatMap { $0 }
        expectError(pairs + copies, error(pairs.count + copies.count))
        // One string, of which bytes are made again and again.
        let text = Array("X".utf8) + [0, 4, 0, 0] + [UInt8](repeating: 65, count: 1024) + Array("q\0".utf8)
        let encoding = Array("c_codecs\nencode\nh\0".utf8) + [0x85] + Array("R0".utf8)
        let bytes = text + encoding + encoding
        expectError(
            bytes, .tooMany(path: "p", object: "bytes of arrays", limit: bytes.count - 1))
    }

    @Test("a stack that is empty, also above a mark")
    func emptyStack() {
        let error = { (at: Int) in
            PickleError.wrongOperand(path: "p", at: at, found: "an empty stack", expected: "a value")
        }
        expectError("0", error(0))
        expectError("N(0", error(2))
        expectError(".", error(0))
    }

    @Test("a tuple without a mark")
    func noMark() {
        expectError("t", .wrongOperand(path: "p", at: 0, found: "no mark", expected: "one"))
    }

    @Test("items for something that has none")
    func items() {
        expectError("NNNs", .wrongOperand(path: "p", at: 3, found: "None", expected: "a dict"))
        expectError("NNa", .wrongOperand(path: "p", at: 2, found: "None", expected: "a list"))
        expectError(
            "}(Nu", .wrongOperand(path: "p", at: 3, found: "a key without a value", expected: "pairs"))
    }

    @Test("a memo that is empty")
    func memo() {
        expectError("h\u{5}", .unknownMemo(path: "p", at: 0, found: 5))
    }

    @Test("a string that is not UTF-8")
    func utf8() {
        expectError([0x8c, 1, 0xff], .notUTF8(path: "p", at: 0))
    }

    @Test("calls of what is no function, and with other arguments")
    func calls() {
        expectError("N)R", .wrongOperand(path: "p", at: 2, found: "None", expected: "a function"))
        expectError(
            ordered + "NR",
            .wrongOperand(
                path: "p", at: ordered.utf8.count + 1, found: "None", expected: "a tuple of arguments"))
        expectError(
            "ctorch._utils\n_rebuild_tensor_v2\n)R",
            .wrongTensor(path: "p", found: "", expected: "a storage, an offset, a shape and strides"))
    }

    @Test("state on what has none")
    func state() {
        expectError("NNb", .wrongOperand(path: "p", at: 2, found: "None", expected: "an object"))
    }

    @Test("an identifier that is no storage")
    func persistent() {
        expectError(
            "NQ",
            .wrongOperand(
                path: "p", at: 1, found: "None", expected: "('storage', class, key, location, count)"))
    }

    @Test(
        "views that leave their storage, or are much larger than it",
        arguments: [
            (8, 0, [2, 2], [4, 2], true), (8, 2, [2, 2], [4, 1], true), (8, 3, [2, 2], [4, 1], false),
            (8, 0, [9], [0], true), (8, 0, [1 << 20], [0], true), (8, 0, [1 << 40], [0], false),
            (8, 0, [4, 3], [1, 2], true), (8, 0, [2], [-1], false), (8, -1, [2], [1], false),
            (8, 0, [2], [Int.max], false), (8, 0, [2, 2], [1], false), (8, Int.max, [2], [1], false),
            (0, 5, [0], [1], true), (0, 0, [0, 1 << 40, 1 << 40], [7, 1 << 40, 1], true),
        ])
    func views(count: Int, offset: Int, extents: [Int], strides: [Int], fits: Bool) {
        let storage = TorchStorage(
            place: .key("0"), elements: TorchElements("FloatStorage", size: 4, type: .float32), count: count)
        let tensor = TorchTensor(
            storage: storage, type: .float32, offset: offset, extents: extents, strides: strides)
        #expect((tensor != nil) == fits)
        if let tensor {
            #expect(
                tensor.elements(of: Array(repeating: 0, count: tensor.byteRange.count)).count == tensor.shape
                    .count * 4)
        }
    }

    @Test("a view of negated or conjugated numbers is refused by name", arguments: ["neg", "conj"])
    func negated(flag: String) throws {
        func view(_ value: Bool, typed: Bool) -> Python {
            let storage = Python.storage(
                typed ? "UntypedStorage" : "FloatStorage", key: "0", count: typed ? 8 : 2)
            let type: [Python] = typed ? [.global("torch", "float32")] : []
            return .call(
                .global("torch._utils", typed ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2"),
                [storage, 0, .tuple([2]), .tuple([1]), .bool(false), .dict([])] + type
                    + [.dict([(.string(flag), .bool(value))])])
        }
        let kind = flag == "neg" ? "a negated view" : "a conjugated view"
        for typed in [false, true] {
            try load(view(true, typed: typed).pickle) { #expect($0.kind == kind) }
            try load(view(false, typed: typed).pickle) { #expect($0.kind == "a tensor") }
        }
    }

    @Test("a view of a storage of another type begins where it did")
    func recast() throws {
        let storage = { (offset: Int) in
            TorchStorage(
                place: .key("0"), elements: TorchElements("UntypedStorage", size: 1), count: 32,
                offset: offset)
        }
        let recast = try #require(storage(8).recast(.float32))
        #expect(recast.offset == 2 && recast.count == 8)
        #expect(storage(6).recast(.float32) == nil)
        func view(_ offset: Int) -> Python {
            let part = Python.tuple([.string("v"), .int(offset), .int(16)])
            let place = Python.persistent(
                .tuple(["storage", .global("torch", "UntypedStorage"), "0", "cpu", 32, part]))
            return .call(
                .global("torch._utils", "_rebuild_tensor_v3"),
                [
                    place, 1, .tuple([2]), .tuple([1]), .bool(false), .dict([]),
                    .global("torch", "float32"),
                ])
        }
        try load(view(8).pickle) { value in
            guard case .tensor(let tensor) = value else {
                Issue.record("\(value.kind)")
                return
            }
            #expect(tensor.byteRange == 12..<20)
        }
        #expect(throws: PickleError.self) { try load(view(6).pickle) { _ in } }
    }

    private func expectError(
        _ text: String, _ error: PickleError, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        expectError(Array(text.utf8), error, sourceLocation: sourceLocation)
    }

    private func expectError(
        _ bytes: [UInt8], _ error: PickleError, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: error, sourceLocation: sourceLocation) {
            try load(bytes) { _ in }
        }
    }
}
