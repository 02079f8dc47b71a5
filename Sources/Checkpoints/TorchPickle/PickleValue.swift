/// The values that normconv builds from a pickle. Nothing of it is ever run: what a class or function would have made is
/// an object with a name.
enum PickleValue {
    case none
    case bool(Bool)
    case int(Int)
    /// An integer of more than 64 bits, such as a seed.
    case wideInt
    case float(Double)
    case string(String)
    indirect case bytes(PickleBytes)
    case tuple(PickleList)
    /// A list or a set.
    case list(PickleList)
    case dictionary(PickleDictionary)
    case object(PickleObject)
    indirect case global(PickleGlobal)
    indirect case storage(TorchStorage)
    indirect case tensor(TorchTensor)
    /// Numbers in a form that is not read, such as `a quantized tensor`. An error only where a network has it.
    case unreadable(String)

    /// The kind of value, for errors.
    var kind: String {
        switch self {
        case .none: "None"
        case .bool: "a bool"
        case .int, .wideInt: "an int"
        case .float: "a float"
        case .string: "a string"
        case .bytes: "bytes"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dict"
        case .object(let object): "an object of '\(object.global.name.prefix(200))'"
        case .global: "a class or function"
        case .storage: "a storage"
        case .tensor: "a tensor"
        case .unreadable(let kind): kind
        }
    }

    var int: Int? { if case .int(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var tuple: [PickleValue]? { if case .tuple(let list) = self { list.values } else { nil } }
    var global: PickleGlobal? { if case .global(let global) = self { global } else { nil } }
    var object: PickleObject? { if case .object(let object) = self { object } else { nil } }
    /// A list, set or tuple.
    var elements: PickleList? {
        switch self {
        case .tuple(let list), .list(let list): list
        default: nil
        }
    }

    /// A dictionary, or an object that is one.
    var dictionary: PickleDictionary? {
        switch self {
        case .dictionary(let dictionary): dictionary
        case .object(let object): object.items
        default: nil
        }
    }

    /// A tuple of integers, such as a shape; PyTorch's and numpy's have at most 64.
    var ints: [Int]? {
        guard let values = elements?.values, values.count <= 64 else { return nil }
        let ints = values.compactMap(\.int)
        return ints.count == values.count ? ints : nil
    }

    /// Whether these are numbers in a form that is not read.
    var isUnreadable: Bool { if case .unreadable = self { true } else { false } }

    /// A tensor or an array, or what stands for one that is not read.
    var numbers: PickleValue? {
        switch self {
        case .tensor, .unreadable: self
        case .object(let object): object.array
        default: nil
        }
    }
}

/// A value of values. Whoever made it clears it in the end: a chain of a million lists would otherwise be freed by a
/// recursion that is as deep, and circles never.
protocol PickleContainer: AnyObject {
    func clear()
}

/// A list, which the memo may know before it is filled, or a tuple.
final class PickleList: PickleContainer {
    var values: [PickleValue]

    init(_ values: [PickleValue] = []) { self.values = values }

    func clear() { values = [] }
}

/// A dictionary in insertion order, which the memo may know before it is filled. Only strings and integers are
/// keys of interest; entries under other keys are kept without one.
final class PickleDictionary: PickleContainer {
    private(set) var entries: [(key: String?, value: PickleValue)] = []
    /// Whether a key is a number, as an optimizer's are.
    private(set) var hasNumbers = false
    private var index: [String: Int] = [:]

    func clear() { (entries, index) = ([], [:]) }

    subscript(_ key: String) -> PickleValue? { index[key].map { entries[$0].value } }

    func set(_ key: PickleValue, _ value: PickleValue) {
        if key.int != nil { hasNumbers = true }
        guard let name = key.string ?? key.int.map(String.init) else {
            return entries.append((nil, value))
        }
        if let place = index[name] {
            entries[place].value = value
        } else {
            index[name] = entries.count
            entries.append((name, value))
        }
    }
}

/// What a class or function, of which only the name is known, would have made of its arguments.
final class PickleObject: PickleContainer {
    /// The class or function.
    let global: PickleGlobal
    private(set) var arguments: [PickleValue]
    /// Its attributes, or what else it was given as its state.
    private(set) var state: PickleValue = .none
    /// Entries of an object that is a dictionary.
    var items: PickleDictionary?
    /// The numbers of an array.
    var array: PickleValue?

    init(_ global: PickleGlobal, _ arguments: [PickleValue]) {
        (self.global, self.arguments) = (global, arguments)
    }

    func clear() { (arguments, state, items, array) = ([], .none, nil, nil) }

    /// Sets the state: a dictionary of attributes, or a pair of one and of what stands in slots.
    func setState(_ value: PickleValue) {
        if let pair = value.tuple, pair.count == 2, case .dictionary = pair[0] {
            state = pair[0]
        } else {
            state = value
        }
    }

    /// Attributes by name.
    var attributes: PickleDictionary? {
        if case .dictionary(let attributes) = state { attributes } else { nil }
    }
}
