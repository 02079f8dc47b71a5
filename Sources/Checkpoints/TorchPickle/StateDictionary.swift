import Tensors

/// The parameters of one network in a checkpoint: which of the dictionaries and modules in a pickle they are from, and
/// under which names `state_dict()` has them.
struct StateDictionary {
    /// Keys under which training loops put the network beside other things, the usual ones first.
    static let usualKeys = [
        "state_dict", "model", "model_state_dict", "module", "model_state", "net", "network", "params",
        "weights",
    ]

    /// Tensors in the order of the dictionary.
    let tensors: [(name: String, tensor: TorchTensor)]
    /// Classes and settings of modules by path, where the file holds modules.
    let modules: [String: RecordedModule]
    /// Whether these are from modules, which have a class and code.
    let isModule: Bool
    /// Names of tuples and lists with tensors, which are no parameters by themselves.
    let packed: [String]
    /// Keys beside the network's.
    let others: [String]
    /// The network's key, and those of other networks, as `--key` takes them.
    let keys: NetworkKeys?

    /// The network of a pickle, or what is under a key of it. A key is a path: `model.ema`.
    ///
    /// Averaged weights (EMA) are taken only under their key, or where there are no others.
    init(_ value: PickleValue, key: String?, path: String, code: TorchScriptCode? = nil) throws {
        var search = NetworkSearch(path: path, code: code)
        let found: NetworkSearch.Place
        if let key {
            found = try search.place(of: key, in: value)
        } else {
            found = try search.network(in: value)
        }
        let contents = try search.contents(of: found.value)
        for (name, numbers) in contents.numbers {
            if case .unreadable(let kind) = numbers {
                throw PickleError.unreadableTensor(path: path, name: name, found: kind)
            }
        }
        tensors = contents.numbers.compactMap { name, numbers in
            if case .tensor(let tensor) = numbers { (name, tensor) } else { nil }
        }
        guard !tensors.isEmpty else {
            throw NetworkSearch.empty(value, path: path)
        }
        modules = contents.modules
        isModule = contents.isModule
        packed = contents.packed
        others =
            found.keys.first.map { first in
                (value.children ?? []).compactMap(\.key).filter { $0 != first }
            } ?? []
        // What is too much to look at was looked at already.
        var again = NetworkSearch(path: path, code: code)
        keys = try? found.keys.isEmpty ? nil : again.keys(beside: found, in: value)
    }
}

/// The numbers under a value of a pickle, by dotted names.
struct PickleContents {
    /// Tensors, and what stands for those that are not read.
    var numbers: [(name: String, value: PickleValue)] = []
    /// Classes and settings of modules by path; the network itself is under the empty one.
    var modules: [String: RecordedModule] = [:]
    /// Names of tuples and lists with tensors.
    var packed: [String] = []
    /// Whether some are from modules.
    var isModule = false
}

extension PickleValue {
    /// What an entry can be found in by its key: a dictionary, an object's attributes, a short list.
    var children: [(key: String?, value: PickleValue)]? {
        if let dictionary { return dictionary.entries }
        if let attributes = object?.attributes {
            return attributes.entries + (attributes["_modules"]?.dictionary?.entries ?? [])
        }
        guard let values = elements?.values, values.count <= 64 else { return nil }
        return values.enumerated().map { ("\($0)", $1) }
    }

    /// The child of a key.
    func child(_ key: String) -> PickleValue? {
        if let dictionary { return dictionary[key] }
        if let attributes = object?.attributes {
            return attributes[key] ?? attributes["_modules"]?.dictionary?[key]
        }
        return children?.first { $0.key == key }?.value
    }

    /// Names and tensors in pairs, as `list(state_dict.items())` has them.
    var pairs: [(name: String, value: PickleValue)]? {
        guard case .list(let list) = self, !list.values.isEmpty else { return nil }
        var pairs: [(String, PickleValue)] = []
        for value in list.values {
            guard let parts = value.elements?.values, parts.count == 2, let name = parts[0].string,
                let numbers = parts[1].numbers
            else { return nil }
            pairs.append((name, numbers))
        }
        return pairs
    }

    /// The container's identity: it may stand in several places.
    var identity: ObjectIdentifier? {
        switch self {
        case .tuple(let list), .list(let list): ObjectIdentifier(list)
        case .dictionary(let dictionary): ObjectIdentifier(dictionary)
        case .object(let object): ObjectIdentifier(object)
        default: nil
        }
    }

    /// An optimizer's state, whose tensors are no network's.
    var isOptimizer: Bool { dictionary.map { $0["param_groups"] != nil } ?? false }
}
