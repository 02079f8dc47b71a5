/// A value of Python, to be pickled as tests need it: also as no Python would.
indirect enum Python: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case bytes([UInt8])
    case list([Python])
    case tuple([Python])
    case dict([(Python, Python)])
    /// A class or function: `collections OrderedDict`.
    case global(String, String)
    /// A call of a class or function.
    case call(Python, [Python])
    /// A new object of a class, with a state.
    case object(Python, state: Python)
    /// An object with entries, as a class of dictionaries has them.
    case items(Python, [(Python, Python)])
    /// A dictionary or object that is put into the memo before it is filled, and its place there.
    case put(UInt8, Python)
    /// What is in the memo.
    case get(UInt8)
    /// What a persistent identifier stands for.
    case persistent(Python)

    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .int(value) }
    init(arrayLiteral elements: Python...) { self = .list(elements) }
    init(dictionaryLiteral elements: (Python, Python)...) { self = .dict(elements) }

    /// A tensor of float32 in a storage of as many elements, or of `stored` ones.
    static func tensor(_ shape: [Int], key: String = "0", stored: Int? = nil) -> Python {
        let count = shape.reduce(1, *)
        let strides = shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
        return .call(
            .global("torch._utils", "_rebuild_tensor_v2"),
            [
                .storage("FloatStorage", key: key, count: stored ?? count), 0, .tuple(shape.map(Python.int)),
                .tuple(strides.map(Python.int)), .bool(false), .dict([]),
            ])
    }

    /// A storage of a class of PyTorch's.
    static func storage(_ name: String, key: String, count: Int) -> Python {
        .persistent(.tuple(["storage", .global("torch", name), .string(key), "cpu", .int(count)]))
    }

    /// A module of a class that nobody has.
    static func module(
        parameters: [(Python, Python)] = [], buffers: [(Python, Python)] = [], notPersistent: [Python] = [],
        modules: [(Python, Python)] = [], _ others: [(Python, Python)] = []
    ) -> Python {
        .object(
            .global("somebodys.networks", "Module"),
            state: .dict(
                [
                    ("_parameters", .dict(parameters)), ("_buffers", .dict(buffers)),
                    (
                        "_non_persistent_buffers_set",
                        .call(.global("builtins", "set"), [.list(notPersistent)])
                    ),
                    ("_modules", .dict(modules)),
                ] + others))
    }

    /// An optimizer's `state_dict()`.
    static let optimizer = Python.dict([
        ("state", .dict([(0, .dict([("exp_avg", .tensor([2])), ("exp_avg_sq", .tensor([2]))]))])),
        ("param_groups", .list([.dict([("lr", .float(0.1))])])),
    ])

    /// The pickle, protocol 2.
    var pickle: [UInt8] { [0x80, 2] + code + Array(".".utf8) }

    private var code: [UInt8] { code(memo: []) }

    /// The opcodes, with those that put a new value into the memo.
    private func code(memo: [UInt8]) -> [UInt8] {
        switch self {
        case .none: Array("N".utf8)
        case .bool(let value): [value ? 0x88 : 0x89]
        case .int(let value): [0x8a, 8] + withUnsafeBytes(of: value.littleEndian, Array.init)
        case .float(let value): Array("G".utf8) + withUnsafeBytes(of: value.bitPattern.bigEndian, Array.init)
        case .string(let text): Array("X".utf8) + Self.length(text.utf8.count) + text.utf8
        case .bytes(let bytes): Array("B".utf8) + Self.length(bytes.count) + bytes
        case .list(let values): Array("](".utf8) + values.flatMap(\.code) + Array("e".utf8)
        case .tuple(let values): Array("(".utf8) + values.flatMap(\.code) + Array("t".utf8)
        case .dict(let items): Array("}".utf8) + memo + Self.entries(items)
        case .global(let module, let name): Array("c\(module)\n\(name)\n".utf8)
        case .call(let callee, let arguments): callee.code + Python.tuple(arguments).code + Array("R".utf8)
        case .object(let type, let state):
            type.code + [UInt8(ascii: ")"), 0x81] + memo + state.code + Array("b".utf8)
        case .items(let type, let items): type.code + [UInt8(ascii: ")"), 0x81] + Self.entries(items)
        case .put(let place, let value): value.code(memo: [UInt8(ascii: "q"), place])
        case .get(let place): [UInt8(ascii: "h"), place]
        case .persistent(let identifier): identifier.code + Array("Q".utf8)
        }
    }

    private static func entries(_ items: [(Python, Python)]) -> [UInt8] {
        Array("(".utf8) + items.flatMap { $0.code + $1.code } + Array("u".utf8)
    }

    private static func length(_ count: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt32(count).littleEndian, Array.init)
    }
}
