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

    @Test("somebody's own class is refused by its name")
    func ownClass() {
        let path = TestFiles.fixture("formats/own-class.pth")
        #expect(throws: PickleError.refusedGlobal(path: path, name: "training.Settings")) {
            try openCheckpoint(path)
        }
    }

    @Test("the format before 1.6 is refused with the line of Python that converts it")
    func legacy() throws {
        let error = #expect(throws: CheckpointError.self) {
            try openCheckpoint(TestFiles.fixture("formats/legacy.pth"))
        }
        #expect(try #require(error).description.contains("weights_only=True"))
    }
}

@Suite("pickles")
struct PickleTests {
    private let ordered = "ccollections\nOrderedDict\n"

    @Test("numbers, strings, lists, tuples and dictionaries are what Python makes of them")
    func plain() throws {
        // {'a': [1, -2, (0.5, None, True)], 7: 300} with memo and marks; 'a' is read back from the memo.
        let bytes: [UInt8] =
            [0x80, 2] + Array("}q\0(X".utf8) + [1, 0, 0, 0] + Array("aq\u{1}](K".utf8) + [1, 0x8a, 1, 0xfe]
            + Array("G".utf8) + [0x3f, 0xe0, 0, 0, 0, 0, 0, 0] + Array("N".utf8) + [0x88, 0x87]
            + Array("eK".utf8) + [7] + Array("M".utf8) + [0x2c, 1] + Array("uh\u{1}0.".utf8)
        try PickleMachine.load(bytes, path: "p") { value in
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
        try PickleMachine.load(pickle, path: "p") { #expect($0.int == expected) }
    }

    @Test("a million tuples inside each other are freed")
    func deep() throws {
        let bytes = Array(")".utf8) + [UInt8](repeating: 0x85, count: 1_000_000) + Array(".".utf8)
        try PickleMachine.load(bytes, path: "p") { #expect($0.kind == "a tuple") }
    }

    @Test("a list inside itself is freed")
    func circle() throws {
        try PickleMachine.load(Array("]q\0h\0a.".utf8), path: "p") { #expect($0.kind == "a list") }
    }

    @Test("the pickle ends early", arguments: ["", "}", "X\u{5}\0\0\0ab", "cos\nsystem"])
    func truncated(text: String) {
        expectError(text, .truncated(path: "p", at: text.utf8.count))
    }

    @Test("opcodes of objects are refused", arguments: [0x81, 0x92, UInt8(ascii: "i"), UInt8(ascii: "o")])
    func opcode(opcode: UInt8) {
        expectError([opcode], .unsupportedOpcode(path: "p", at: 0, found: opcode))
    }

    @Test("functions are refused by name before they are called, by line and by stack")
    func globals() {
        expectError("cos\nsystem\n", .refusedGlobal(path: "p", name: "os.system"))
        let bytes = [0x8c, 2] + Array("os".utf8) + [0x8c, 6] + Array("system".utf8) + [0x93]
        expectError(bytes, .refusedGlobal(path: "p", name: "os.system"))
        expectError("ctorch\nload\n", .refusedGlobal(path: "p", name: "torch.load"))
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

    @Test("an integer of more than 64 bits")
    func wide() {
        expectError([0x8a, 9] + [UInt8](repeating: 1, count: 9), .integerTooWide(path: "p", at: 0))
    }

    @Test("calls of what is no function, and with other arguments")
    func calls() {
        expectError("N)R", .wrongOperand(path: "p", at: 2, found: "None", expected: "a function"))
        expectError(
            ordered + "NR",
            .wrongOperand(
                path: "p", at: ordered.utf8.count + 1, found: "None", expected: "a tuple of arguments"))
        expectError(
            "ctorch\nFloatStorage\n)R",
            .wrongOperand(path: "p", at: 21, found: "a tuple", expected: "other arguments"))
        expectError(
            "ctorch._utils\n_rebuild_tensor_v2\n)R",
            .wrongTensor(path: "p", found: "", expected: "a storage, an offset, a shape and strides"))
    }

    @Test("state on anything but an ordered dictionary")
    func state() {
        expectError("NNb", .wrongOperand(path: "p", at: 2, found: "None", expected: "an ordered dict"))
    }

    @Test("an identifier that is no storage")
    func persistent() {
        expectError(
            "NQ",
            .wrongOperand(
                path: "p", at: 1, found: "None", expected: "('storage', class, key, location, count)"))
    }

    @Test(
        "views that leave their storage, or are larger than it",
        arguments: [
            (8, 0, [2, 2], [4, 2], true), (8, 2, [2, 2], [4, 1], true), (8, 3, [2, 2], [4, 1], false),
            (8, 0, [9], [0], false), (8, 0, [2], [-1], false), (8, -1, [2], [1], false),
            (8, 0, [2], [Int.max], false), (8, 0, [2, 2], [1], false), (8, Int.max, [2], [1], false),
            (0, 5, [0], [1], true),
        ])
    func views(count: Int, offset: Int, extents: [Int], strides: [Int], fits: Bool) {
        let storage = TorchStorage(key: "0", type: .float32, count: count)
        let tensor = TorchTensor(storage: storage, offset: offset, extents: extents, strides: strides)
        #expect((tensor != nil) == fits)
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
            try PickleMachine.load(bytes, path: "p") { _ in }
        }
    }
}
