import Tensors

/// Reads a pickle: tensors, arrays, dictionaries, lists, tuples, numbers and strings, and objects of classes of which
/// only the names matter. No class or function is ever imported or called.
///
/// Source of the opcodes: `Lib/pickletools.py`.
struct PickleMachine {
    /// Opcodes that any file may have; larger files may have more.
    static let opcodeLimit = 1 << 20

    let path: String
    private var reader: PickleReader
    private var stack: [PickleValue] = []
    /// Heights of the stack at open marks.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// All that was built and holds other values.
    private var containers: [any PickleContainer] = []
    /// How many opcodes may still be run, elements that one of them copies included.
    private var credit: Int
    /// Bytes of strings that were made bytes of.
    var encoded = 0
    /// The storages under keys of the file.
    var storages: [String: TorchStorage] = [:]

    /// What a pickle built.
    struct Content {
        let value: PickleValue
        /// The storages under keys of the file that tensors are views of.
        let storages: [String: TorchStorage]
    }

    /// Hands over what the next pickle builds, which is empty afterwards; `path` is named in errors.
    static func load<Result>(
        _ reader: inout PickleReader, path: String, _ body: (Content) throws -> Result
    ) throws -> Result {
        var machine = PickleMachine(path: path, reader: reader)
        defer { for container in machine.containers { container.clear() } }
        let value = try machine.run()
        reader = machine.reader
        return try body(Content(value: value, storages: machine.storages))
    }

    private init(path: String, reader: PickleReader) {
        (self.path, self.reader) = (path, reader)
        credit = Self.opcodeLimit + reader.storedSize / 4
    }

    /// Every opcode pushes one value at most: their number bounds the work and the memory.
    private mutating func run() throws -> PickleValue {
        while true {
            let at = reader.position
            let opcode = try reader.byte()
            try spend(1)
            if opcode == UInt8(ascii: ".") { return try pop(at) }
            try step(opcode, at)
        }
    }

    /// The place of the next byte.
    var position: Int { reader.position }

    /// Counts work that one opcode does.
    mutating func spend(_ count: Int) throws {
        credit -= count
        guard credit >= 0 else {
            throw PickleError.tooMany(
                path: path, object: "values", limit: Self.opcodeLimit + reader.storedSize / 4)
        }
    }

    private mutating func step(_ opcode: UInt8, _ at: Int) throws {
        switch opcode {
        case 0x80: _ = try reader.byte()  // PROTO
        case 0x95: _ = try reader.skip(8)  // FRAME
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "0"): _ = try pop(at)
        case UInt8(ascii: "1"): _ = try popToMark(at)
        case UInt8(ascii: "2"): stack.append(try top(at))
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "J"), UInt8(ascii: "K"), UInt8(ascii: "M"), UInt8(ascii: "G"), 0x8a, 0x8b:
            stack.append(try reader.number(opcode))
        case UInt8(ascii: "X"), 0x8c, 0x8d:
            stack.append(.string(try reader.text(try reader.length(opcode), at)))
        case UInt8(ascii: "T"), UInt8(ascii: "U"):
            stack.append(try reader.byteString(try reader.length(opcode)))
        case UInt8(ascii: "B"), UInt8(ascii: "C"), 0x8e, 0x96:
            stack.append(.bytes(try reader.skip(try reader.length(opcode))))
        case UInt8(ascii: ")"), UInt8(ascii: "t"), 0x85, 0x86, 0x87: try tuple(opcode, at)
        case UInt8(ascii: "]"), 0x8f: stack.append(.list(keep(PickleList())))
        case 0x91: stack.append(.list(keep(PickleList(try popToMark(at)))))
        case UInt8(ascii: "a"), UInt8(ascii: "e"), 0x90: try append(opcode, at)
        case UInt8(ascii: "}"): stack.append(.dictionary(keep(PickleDictionary())))
        case UInt8(ascii: "s"), UInt8(ascii: "u"): try setItems(opcode, at)
        case UInt8(ascii: "q"), UInt8(ascii: "r"), 0x94, UInt8(ascii: "h"), UInt8(ascii: "j"):
            try remember(opcode, at)
        default: try objectStep(opcode, at)
        }
    }

    private mutating func objectStep(_ opcode: UInt8, _ at: Int) throws {
        switch opcode {
        case UInt8(ascii: "c"): stack.append(.global(try global(try reader.line(at), try reader.line(at))))
        case 0x93:
            let (name, module) = (try pop(at), try pop(at))
            guard let first = module.string, let second = name.string else {
                throw wrong(at, name, "two names")
            }
            stack.append(.global(try global(first, second)))
        case UInt8(ascii: "R"), 0x81:
            let (arguments, callee) = (try pop(at), try pop(at))
            stack.append(try reduce(callee, arguments, at))
        case 0x92:  // NEWOBJ_EX, with arguments by name on top
            _ = try pop(at)
            let (arguments, callee) = (try pop(at), try pop(at))
            stack.append(try reduce(callee, arguments, at))
        case UInt8(ascii: "i"):
            let callee = PickleValue.global(try global(try reader.line(at), try reader.line(at)))
            stack.append(try reduce(callee, .tuple(keep(PickleList(try popToMark(at)))), at))
        case UInt8(ascii: "o"):
            var values = try popToMark(at)
            guard !values.isEmpty else { throw wrong(at, nil, "a class") }
            let callee = values.removeFirst()
            stack.append(try reduce(callee, .tuple(keep(PickleList(values))), at))
        case UInt8(ascii: "b"):
            let state = try pop(at)
            try build(try top(at), state, at)
        case UInt8(ascii: "Q"): stack.append(try persistent(try pop(at), at))
        default: throw PickleError.unsupportedOpcode(path: path, at: at, found: opcode)
        }
    }

    // MARK: Stack

    private func top(_ at: Int) throws -> PickleValue {
        guard stack.count > (marks.last ?? 0), let value = stack.last else { throw wrong(at, nil, "a value") }
        return value
    }

    private mutating func pop(_ at: Int) throws -> PickleValue {
        let value = try top(at)
        stack.removeLast()
        return value
    }

    private mutating func popToMark(_ at: Int) throws -> [PickleValue] {
        guard let mark = marks.popLast() else {
            throw PickleError.wrongOperand(path: path, at: at, found: "no mark", expected: "one")
        }
        let values = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return values
    }

    /// Remembers what has to be cleared in the end.
    mutating func keep<Container: PickleContainer>(_ container: Container) -> Container {
        containers.append(container)
        return container
    }

    /// The error of an opcode that finds something else than it works on.
    func wrong(_ at: Int, _ found: PickleValue?, _ expected: String) -> PickleError {
        .wrongOperand(path: path, at: at, found: found?.kind ?? "an empty stack", expected: expected)
    }

    private mutating func tuple(_ opcode: UInt8, _ at: Int) throws {
        var values: [PickleValue] = []
        if opcode == UInt8(ascii: "t") {
            values = try popToMark(at)
        } else if opcode != UInt8(ascii: ")") {
            for _ in 0..<Int(opcode - 0x84) { values.insert(try pop(at), at: 0) }
        }
        stack.append(.tuple(keep(PickleList(values))))
    }

    private mutating func append(_ opcode: UInt8, _ at: Int) throws {
        let values = opcode == UInt8(ascii: "a") ? [try pop(at)] : try popToMark(at)
        switch stack.last {
        case .list(let list)?: list.values += values
        case .object?: break  // a class's own list
        default: throw wrong(at, stack.last, "a list")
        }
    }

    private mutating func setItems(_ opcode: UInt8, _ at: Int) throws {
        var items: [PickleValue]
        if opcode == UInt8(ascii: "s") {
            let value = try pop(at)
            items = [try pop(at), value]
        } else {
            items = try popToMark(at)
        }
        guard items.count.isMultiple(of: 2) else {
            throw PickleError.wrongOperand(
                path: path, at: at, found: "a key without a value", expected: "pairs")
        }
        // A class's own dictionary has its first entry now.
        if case .object(let object)? = stack.last, object.items == nil {
            object.items = keep(PickleDictionary())
        }
        guard let dictionary = stack.last?.dictionary else { throw wrong(at, stack.last, "a dict") }
        for index in stride(from: 0, to: items.count, by: 2) {
            dictionary.set(items[index], items[index + 1])
        }
    }

    private mutating func remember(_ opcode: UInt8, _ at: Int) throws {
        let isShort = opcode == UInt8(ascii: "q") || opcode == UInt8(ascii: "h")
        let place = opcode == 0x94 ? memo.count : Int(try reader.unsigned(isShort ? 1 : 4))
        if opcode == UInt8(ascii: "h") || opcode == UInt8(ascii: "j") {
            guard let value = memo[place] else {
                throw PickleError.unknownMemo(path: path, at: at, found: place)
            }
            return stack.append(value)
        }
        memo[place] = try top(at)
    }
}
