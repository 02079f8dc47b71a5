/// Looks for networks in a pickle: dictionaries of tensors under dotted names, modules, lists of names and tensors.
///
/// The parts of a pickle may stand in several places and in circles: depth and work are limited.
struct NetworkSearch {
    /// Dictionaries or modules inside each other, and keys on the way to a network.
    static let (depthLimit, keyLimit) = (32, 8)
    /// Entries that are looked at, all together, and bytes of the names that come out.
    private static let (entryLimit, nameLimit) = (1_000_000, 64 << 20)

    let path: String
    let code: TorchScriptCode?
    private var entries = 0
    private var nameBytes = 0
    private var tried: Set<ObjectIdentifier> = []

    /// A value and the keys that lead to it.
    struct Place {
        let keys: [String]
        let value: PickleValue

        /// The keys as `--key` takes them.
        var name: String { keys.joined(separator: ".") }

        /// Whether these are averages of weights (exponential moving average).
        var isAverage: Bool {
            keys.contains { key in
                key.lowercased().split { "_-. ".contains($0) }.contains {
                    ["ema", "averaged", "swa"].contains($0)
                }
            }
        }
    }

    init(path: String, code: TorchScriptCode?) { (self.path, self.code) = (path, code) }

    /// Why a pickle without tensors is refused.
    static func empty(_ value: PickleValue, path: String) -> PickleError {
        if let object = value.object, TorchModule.isScript(object) { return .frozenScript(path: path) }
        return .noTensors(path: path, found: value.dictionary == nil ? value.kind : "a dict without tensors")
    }

    // MARK: Choice

    /// The network of a pickle. Throws `PickleError.severalNetworks` where it could be one of several, `noTensors` where there
    /// is none.
    mutating func network(in value: PickleValue) throws -> Place {
        guard let found = try choice(Place(keys: [], value: value)) else {
            throw Self.empty(value, path: path)
        }
        return found
    }

    /// The network below a place: itself, that under a usual key, the largest one, or the dictionaries as modules.
    private mutating func choice(_ place: Place) throws -> Place? {
        guard place.keys.count < Self.depthLimit, let identity = place.value.identity,
            tried.insert(identity).inserted
        else { return nil }
        if try isNetwork(place.value) { return place }
        for key in StateDictionary.usualKeys {
            guard let child = place.value.child(key), !child.isOptimizer else { continue }
            if let found = try choice(Place(keys: place.keys + [key], value: child)) { return found }
        }
        if let largest = try largest(of: places(below: place).filter { try isNetwork($0.value) }) {
            return largest
        }
        return try contents(of: place.value).numbers.isEmpty ? nil : place
    }

    /// The place with the most tensors, averages only where there is nothing else.
    private mutating func largest(of places: [Place]) throws -> Place? {
        let own = places.filter { !$0.isAverage }
        var sizes: [(place: Place, count: Int)] = []
        for place in own.isEmpty ? places : own {
            sizes.append((place, try contents(of: place.value).numbers.count))
        }
        guard let most = sizes.map(\.count).max() else { return nil }
        let largest = sizes.filter { $0.count == most }
        guard largest.count == 1 else {
            throw PickleError.severalNetworks(
                path: path, found: largest.map { Self.listing($0.place, $0.count) })
        }
        return largest[0].place
    }

    private static func listing(_ place: Place, _ count: Int) -> String {
        "'\(place.name.prefix(100))' (\(count.counted("tensor")))"
    }

    /// The value under a key. Throws `PickleError.unknownKey` where there is none with tensors.
    mutating func place(of key: String, in value: PickleValue) throws -> Place {
        if let found = Self.place(of: key[...], below: Place(keys: [], value: value)),
            try !contents(of: found.value).numbers.isEmpty
        {
            return found
        }
        var found: [String] = []
        for place in try places(below: Place(keys: [], value: value)) where found.count < 100 {
            guard try place.keys.count == 1 || isNetwork(place.value) else { continue }
            let count = try contents(of: place.value).numbers.count
            if count > 0 { found.append(Self.listing(place, count)) }
        }
        throw PickleError.unknownKey(path: path, name: key, found: found)
    }

    /// The keys of a network and of the others in its file.
    mutating func keys(beside found: Place, in value: PickleValue) throws -> NetworkKeys {
        let others = try places(below: Place(keys: [], value: value)).filter {
            try $0.keys != found.keys && isNetwork($0.value)
        }
        return NetworkKeys(chosen: found.name, others: others.map(\.name))
    }

    /// Keys may have dots themselves: the longest one that leads on is taken.
    private static func place(of key: Substring, below place: Place) -> Place? {
        guard place.keys.count < depthLimit else { return nil }
        var end = key.endIndex
        while true {
            if let child = place.value.child(String(key[..<end])) {
                let next = Place(keys: place.keys + [String(key[..<end])], value: child)
                if end == key.endIndex { return next }
                if let found = self.place(of: key[key.index(after: end)...], below: next) { return found }
            }
            guard let dot = key[..<end].lastIndex(of: ".") else { return nil }
            end = dot
        }
    }

    /// Whether a value is a whole network by itself: a module, a list of pairs, or a dictionary with a tensor under a name of
    /// several parts.
    private mutating func isNetwork(_ value: PickleValue) throws -> Bool {
        if let object = value.object, TorchModule.isModule(object) { return true }
        try spend(value.elements?.values.count ?? 0)
        if value.pairs != nil { return true }
        guard let dictionary = value.dictionary else { return false }
        try spend(dictionary.entries.count)
        return dictionary.entries.contains { $0.key?.contains(".") == true && $0.value.numbers != nil }
    }

    /// All places below one, those near it first, without what is inside networks and optimizers. What stands in several
    /// places is listed once, but under each of the keys beside each other that have it.
    private mutating func places(below root: Place) throws -> [Place] {
        var places = [root]
        var parents: [ObjectIdentifier: Int] = [:]
        var next = 0
        while next < places.count {
            let place = places[next]
            next += 1
            guard place.keys.count < Self.keyLimit, try next == 1 || !isNetwork(place.value) else { continue }
            let children = place.value.children ?? []
            try spend(children.count)
            for (key, value) in children {
                guard let key, !value.isOptimizer, let identity = value.identity else { continue }
                if let parent = parents[identity] {
                    guard parent == next, try isNetwork(value) else { continue }
                }
                parents[identity] = next
                places.append(Place(keys: place.keys + [key], value: value))
            }
        }
        return Array(places.dropFirst())
    }

    private mutating func spend(_ count: Int) throws {
        entries += count
        guard entries <= Self.entryLimit else {
            throw PickleError.tooMany(path: path, object: "entries", limit: Self.entryLimit)
        }
    }

    // MARK: Contents

    /// All tensors under a value, by dotted names.
    mutating func contents(of value: PickleValue) throws -> PickleContents {
        var contents = PickleContents()
        if let pairs = value.pairs {
            try spend(pairs.count)
            contents.numbers = pairs
        } else {
            try add(value, prefix: "", depth: 0, to: &contents)
        }
        return contents
    }

    private mutating func add(
        _ value: PickleValue, prefix: String, depth: Int, to contents: inout PickleContents
    ) throws {
        guard depth < Self.depthLimit else { throw PickleError.tooDeep(path: path, limit: Self.depthLimit) }
        try spend(nameBytes: prefix.utf8.count)
        if let object = value.object, let module = try TorchModule(object, code: code) {
            contents.isModule = true
            try spend(module.cost)
            contents.modules[String(prefix.dropLast())] = module.record
            for (name, numbers) in module.tensors { try add(numbers, named: prefix + name, to: &contents) }
            for (name, child) in module.children {
                try add(.object(child), prefix: prefix + name + ".", depth: depth + 1, to: &contents)
            }
            return
        }
        // Numbers as keys are an optimizer's.
        guard let dictionary = value.dictionary, !value.isOptimizer, !dictionary.hasNumbers else { return }
        try spend(dictionary.entries.count)
        for (key, value) in dictionary.entries {
            guard let key else { continue }
            if let numbers = value.numbers {
                try add(numbers, named: prefix + key, to: &contents)
            } else if value.dictionary != nil || value.object != nil {
                try add(value, prefix: prefix + key + ".", depth: depth + 1, to: &contents)
            } else if let list = value.elements {
                // A layer's packed weight and bias: `fc._packed_params._packed_params`.
                try spend(list.values.count)
                if let unreadable = list.values.first(where: \.isUnreadable) {
                    try add(unreadable, named: prefix + key, to: &contents)
                } else if list.values.contains(where: { $0.numbers != nil }) {
                    try spend(nameBytes: prefix.utf8.count + key.utf8.count)
                    contents.packed.append(prefix + key)
                }
            }
        }
    }

    private mutating func add(
        _ numbers: PickleValue, named name: String, to contents: inout PickleContents
    ) throws {
        try spend(nameBytes: name.utf8.count)
        contents.numbers.append((name, numbers))
    }

    private mutating func spend(nameBytes count: Int) throws {
        nameBytes += count
        guard nameBytes <= Self.nameLimit else {
            throw PickleError.tooMany(path: path, object: "bytes of names", limit: Self.nameLimit)
        }
    }
}
