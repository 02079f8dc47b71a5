import Tensors

/// Reads a pickle that builds tensors, dictionaries, lists, tuples, numbers and strings, and nothing else. Every
/// other class or function is refused by its name, and none is ever called.
///
/// Source of the opcodes: `Lib/pickletools.py`; of the tensors' form: `torch/serialization.py`, `torch/_utils.py`.
struct PickleMachine {
    /// Bytes of a pickle: the description of a network of a million tensors has less.
    static let lengthLimit = 256 << 20

    private let path: String
    private let bytes: [UInt8]
    private var position = 0
    private var stack: [PickleValue] = []
    /// Heights of the stack at open marks.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// All that was built and holds other values.
    private var containers: [any PickleContainer] = []

    /// Hands over the value that a pickle builds, which is empty afterwards; `path` is named in errors.
    static func load<Result>(
        _ bytes: [UInt8], path: String, _ body: (PickleValue) throws -> Result
    ) throws -> Result {
        guard bytes.count <= lengthLimit else {
            throw PickleError.tooLong(path: path, found: bytes.count, limit: lengthLimit)
        }
        var machine = PickleMachine(path: path, bytes: bytes)
        defer { for container in machine.containers { container.clear() } }
        return try body(try machine.run())
    }

    private init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    /// Every opcode takes a byte at least and pushes one value at most: the bytes bound the work and the memory.
    private mutating func run() throws(PickleError) -> PickleValue {
        while true {
            let at = position
            let opcode = try byte()
            if opcode == UInt8(ascii: ".") { return try pop(at) }
            try step(opcode, at)
        }
    }

    private mutating func step(_ opcode: UInt8, _ at: Int) throws(PickleError) {
        switch opcode {
        case 0x80: _ = try byte()  // PROTO
        case 0x95: _ = try take(8)  // FRAME
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "0"): _ = try pop(at)
        case UInt8(ascii: "1"): _ = try popToMark(at)
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "J"), UInt8(ascii: "K"), UInt8(ascii: "M"), UInt8(ascii: "G"), 0x8a:
            try number(opcode, at)
        case UInt8(ascii: "X"), 0x8c, 0x8d, UInt8(ascii: "T"), UInt8(ascii: "U"):
            stack.append(.string(try string(try length(opcode), at)))
        case UInt8(ascii: "B"), UInt8(ascii: "C"): stack.append(.bytes(Array(try take(try length(opcode)))))
        case UInt8(ascii: ")"), UInt8(ascii: "t"), 0x85, 0x86, 0x87: try tuple(opcode, at)
        case UInt8(ascii: "]"): stack.append(.list(keep(PickleList())))
        case UInt8(ascii: "a"), UInt8(ascii: "e"): try append(opcode, at)
        case UInt8(ascii: "}"): stack.append(.dictionary(keep(PickleDictionary())))
        case UInt8(ascii: "s"), UInt8(ascii: "u"): try setItems(opcode, at)
        case UInt8(ascii: "c"), 0x93: try global(opcode, at)
        case UInt8(ascii: "R"): try reduce(at)
        case UInt8(ascii: "b"): try build(at)
        case UInt8(ascii: "Q"): try persistent(at)
        case UInt8(ascii: "q"), UInt8(ascii: "r"), 0x94, UInt8(ascii: "h"), UInt8(ascii: "j"):
            try remember(opcode, at)
        default: throw .unsupportedOpcode(path: path, at: at, found: opcode)
        }
    }

    // MARK: Bytes

    private mutating func byte() throws(PickleError) -> UInt8 {
        guard position < bytes.count else { throw .truncated(path: path, at: position) }
        position += 1
        return bytes[position - 1]
    }

    private mutating func take(_ count: Int) throws(PickleError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= bytes.count - position else {
            throw .truncated(path: path, at: bytes.count)
        }
        position += count
        return bytes[position - count..<position]
    }

    /// A little-endian number of a few bytes.
    private mutating func unsigned(_ count: Int) throws(PickleError) -> UInt64 {
        try take(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }

    /// The length before a string or bytes.
    private mutating func length(_ opcode: UInt8) throws(PickleError) -> Int {
        switch opcode {
        case 0x8c, UInt8(ascii: "U"), UInt8(ascii: "C"): Int(try unsigned(1))
        case 0x8d: Int(clamping: try unsigned(8))
        default: Int(try unsigned(4))
        }
    }

    private mutating func string(_ count: Int, _ at: Int) throws(PickleError) -> String {
        let slice = try take(count)
        // Decoding replaces what is not UTF-8, which the comparison notices.
        let string = String(decoding: slice, as: UTF8.self)
        guard string.utf8.elementsEqual(slice) else { throw .notUTF8(path: path, at: at) }
        return string
    }

    /// A line without its end, as GLOBAL has two.
    private mutating func line(_ at: Int) throws(PickleError) -> String {
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
            throw .truncated(path: path, at: bytes.count)
        }
        let line = try string(end - position, at)
        position += 1
        return line
    }

    private mutating func number(_ opcode: UInt8, _ at: Int) throws(PickleError) {
        switch opcode {
        case UInt8(ascii: "J"):
            stack.append(.int(Int(Int32(truncatingIfNeeded: try unsigned(4)))))
        case UInt8(ascii: "K"): stack.append(.int(Int(try unsigned(1))))
        case UInt8(ascii: "M"): stack.append(.int(Int(try unsigned(2))))
        case UInt8(ascii: "G"):
            let bits = try take(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            stack.append(.float(Double(bitPattern: bits)))
        default:
            let count = Int(try byte())
            guard count <= 8 else { throw .integerTooWide(path: path, at: at) }
            let bits = try unsigned(count)
            // Two's complement of `count` bytes: the sign moves up to the top and down again.
            let unused = 64 - 8 * count
            stack.append(.int(count == 0 ? 0 : Int(Int64(bitPattern: bits << unused) >> unused)))
        }
    }

    // MARK: Stack

    private mutating func pop(_ at: Int) throws(PickleError) -> PickleValue {
        guard stack.count > (marks.last ?? 0), let value = stack.popLast() else {
            throw .wrongOperand(path: path, at: at, found: "an empty stack", expected: "a value")
        }
        return value
    }

    private mutating func popToMark(_ at: Int) throws(PickleError) -> [PickleValue] {
        guard let mark = marks.popLast() else {
            throw .wrongOperand(path: path, at: at, found: "no mark", expected: "one")
        }
        let values = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return values
    }

    private mutating func keep<Container: PickleContainer>(_ container: Container) -> Container {
        containers.append(container)
        return container
    }

    private func wrong(_ at: Int, _ found: PickleValue?, _ expected: String) -> PickleError {
        .wrongOperand(path: path, at: at, found: found?.kind ?? "an empty stack", expected: expected)
    }

    private mutating func tuple(_ opcode: UInt8, _ at: Int) throws(PickleError) {
        var values: [PickleValue] = []
        if opcode == UInt8(ascii: "t") {
            values = try popToMark(at)
        } else if opcode != UInt8(ascii: ")") {
            for _ in 0..<Int(opcode - 0x84) { values.insert(try pop(at), at: 0) }
        }
        stack.append(.tuple(keep(PickleList(values))))
    }

    private mutating func append(_ opcode: UInt8, _ at: Int) throws(PickleError) {
        let values = opcode == UInt8(ascii: "a") ? [try pop(at)] : try popToMark(at)
        guard case .list(let list)? = stack.last else { throw wrong(at, stack.last, "a list") }
        list.values += values
    }

    private mutating func setItems(_ opcode: UInt8, _ at: Int) throws(PickleError) {
        var items: [PickleValue]
        if opcode == UInt8(ascii: "s") {
            let value = try pop(at)
            items = [try pop(at), value]
        } else {
            items = try popToMark(at)
        }
        guard items.count.isMultiple(of: 2) else {
            throw .wrongOperand(path: path, at: at, found: "a key without a value", expected: "pairs")
        }
        guard case .dictionary(let dictionary)? = stack.last else { throw wrong(at, stack.last, "a dict") }
        for index in stride(from: 0, to: items.count, by: 2) {
            dictionary.set(items[index], items[index + 1])
        }
    }

    private mutating func remember(_ opcode: UInt8, _ at: Int) throws(PickleError) {
        let isShort = opcode == UInt8(ascii: "q") || opcode == UInt8(ascii: "h")
        let place = opcode == 0x94 ? memo.count : Int(try unsigned(isShort ? 1 : 4))
        if opcode == UInt8(ascii: "h") || opcode == UInt8(ascii: "j") {
            guard let value = memo[place] else { throw .unknownMemo(path: path, at: at, found: place) }
            return stack.append(value)
        }
        guard let value = stack.last else { throw wrong(at, nil, "a value") }
        memo[place] = value
    }

    // MARK: Objects

    private mutating func global(_ opcode: UInt8, _ at: Int) throws(PickleError) {
        let module: String
        let name: String
        if opcode == UInt8(ascii: "c") {
            (module, name) = (try line(at), try line(at))
        } else {
            let top = try pop(at)
            let below = try pop(at)
            guard let first = below.string, let second = top.string else { throw wrong(at, top, "two names") }
            (module, name) = (first, second)
        }
        guard let global = PickleGlobal(module: module, name: name) else {
            throw .refusedGlobal(path: path, name: "\(module).\(name)")
        }
        stack.append(.global(global))
    }

    private mutating func reduce(_ at: Int) throws(PickleError) {
        let arguments = try pop(at)
        let callee = try pop(at)
        guard let values = arguments.tuple else { throw wrong(at, arguments, "a tuple of arguments") }
        guard case .global(let global) = callee else { throw wrong(at, callee, "a function") }
        switch global {
        case .orderedDictionary where values.isEmpty: stack.append(.dictionary(keep(PickleDictionary())))
        case .rebuildTensor: stack.append(.tensor(try tensor(values)))
        case .rebuildParameter:
            guard let tensor = values.first, case .tensor = tensor else {
                throw wrong(at, values.first, "a tensor")
            }
            stack.append(tensor)
        case .orderedDictionary, .storage: throw wrong(at, arguments, "other arguments")
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks, …)`
    private func tensor(_ values: [PickleValue]) throws(PickleError) -> TorchTensor {
        guard values.count >= 4, case .storage(let storage) = values[0], let offset = values[1].int,
            let extents = values[2].ints, let strides = values[3].ints
        else {
            throw .wrongTensor(
                path: path, found: values.map(\.kind).listed(6),
                expected: "a storage, an offset, a shape and strides")
        }
        guard
            let tensor = TorchTensor(storage: storage, offset: offset, extents: extents, strides: strides)
        else {
            throw .wrongTensor(
                path: path,
                found: "shape \(extents), strides \(strides), offset \(offset) on \(storage.count) elements",
                expected: "a view inside its storage")
        }
        return tensor
    }

    /// State on an ordered dictionary is the modules' versions (`_metadata`), on others there is none.
    private mutating func build(_ at: Int) throws(PickleError) {
        _ = try pop(at)
        guard case .dictionary? = stack.last else { throw wrong(at, stack.last, "an ordered dict") }
    }

    /// `('storage', class, key, location, count)`
    private mutating func persistent(_ at: Int) throws(PickleError) {
        let id = try pop(at)
        guard let parts = id.tuple, parts.count == 5, parts[0].string == "storage",
            case .global(.storage(let type)) = parts[1], let key = parts[2].string, let count = parts[4].int,
            count >= 0
        else { throw wrong(at, id, "('storage', class, key, location, count)") }
        stack.append(.storage(TorchStorage(key: key, type: type, count: count)))
    }
}
