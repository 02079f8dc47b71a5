import Tensors

/// A module in a pickle, by its structure: its own parameters and buffers, and the modules in it. Of its class only the name
/// is known, and the settings that it keeps as attributes.
///
/// Source: `Module._save_to_state_dict` in `torch/nn/modules/module.py`; for TorchScript `torch/csrc/jit/serialization`.
struct TorchModule {
    /// Parameters and then buffers, as a `state_dict` has them: without those that are None or not persistent.
    private(set) var tensors: [(name: String, value: PickleValue)] = []
    /// In the order in which they were registered.
    private(set) var children: [(name: String, object: PickleObject)] = []
    /// Its class and settings.
    private(set) var record: RecordedModule
    /// What a walk over it costs: entries, also those that are skipped.
    private(set) var cost = 1

    /// Whether an object is a module.
    static func isModule(_ object: PickleObject) -> Bool {
        attributes(object) != nil || isScript(object) && object.attributes != nil
    }

    /// Nil where an object is no module. `code` tells the classes of TorchScript.
    init?(_ object: PickleObject, code: TorchScriptCode?) throws {
        record = Self.record(ofClass: object.global.name)
        if let attributes = Self.attributes(object) {
            readAttributes(attributes)
        } else if Self.isScript(object), let attributes = object.attributes {
            let known = try code?.scriptClass(object.global.name)
            guard known?.isModule != false else { return nil }
            readScript(attributes, known)
        } else {
            return nil
        }
        record.isLeaf = tensors.isEmpty && children.isEmpty
        cost += record.settings.count + record.functions.count
    }

    /// A class by its full name. TorchScript puts a word before it, and one into it where several classes have the same name.
    private static func record(ofClass name: String) -> RecordedModule {
        var parts = name.prefix(500).split(separator: ".")
        if parts.first == "__torch__" { parts.removeFirst() }
        parts.removeAll { $0.hasPrefix("___torch_mangle_") }
        let className = String(parts.popLast() ?? "")
        return RecordedModule(className: className, library: parts.joined(separator: "."))
    }

    /// Whether an object is of a class of TorchScript.
    static func isScript(_ object: PickleObject) -> Bool {
        object.global.name.hasPrefix("__torch__.")
    }

    /// The attributes of a module of Python; those of a graph (`torch.fx`) are its first argument.
    private static func attributes(_ object: PickleObject) -> PickleDictionary? {
        let first = object.arguments.first.flatMap { value -> PickleDictionary? in
            if case .dictionary(let dictionary) = value { dictionary } else { nil }
        }
        return [object.attributes, first].compactMap { $0 }.first {
            $0["_parameters"]?.dictionary != nil && $0["_modules"]?.dictionary != nil
        }
    }

    private mutating func readAttributes(_ attributes: PickleDictionary) {
        let skipped = attributes["_non_persistent_buffers_set"]?.elements?.values ?? []
        cost += skipped.count
        let notPersistent = Set(skipped.compactMap(\.string))
        add(attributes["_parameters"]) { _ in true }
        add(attributes["_buffers"]) { !notPersistent.contains($0) }
        let modules = attributes["_modules"]?.dictionary?.entries ?? []
        cost += modules.count
        children = modules.compactMap { name, value in
            guard let name, let object = value.object else { return nil }
            return (name, object)
        }
        readSettings(attributes)
    }

    private mutating func add(_ value: PickleValue?, where isKept: (String) -> Bool) {
        let entries = value?.dictionary?.entries ?? []
        cost += entries.count
        for (name, value) in entries {
            if let name, isKept(name), let numbers = value.numbers { tensors.append((name, numbers)) }
        }
    }

    /// Modules of TorchScript have tensors and modules as attributes; only their code tells which of these are parameters
    /// and buffers. Where the code is unknown, all tensors are taken.
    private mutating func readScript(_ attributes: PickleDictionary, _ known: TorchScriptCode.Class?) {
        let names = known.map { $0.parameters + $0.buffers }
        cost += attributes.entries.count + (names?.count ?? 0)
        if let names {
            tensors = names.compactMap { name in attributes[name]?.numbers.map { (name, $0) } }
        }
        for (name, value) in attributes.entries {
            guard let name else { continue }
            if names == nil, let numbers = value.numbers { tensors.append((name, numbers)) }
            if let object = value.object, Self.isScript(object) { children.append((name, object)) }
        }
        readSettings(attributes)
        if let known {
            record.settings.merge(known.settings) { _, code in code }
            record.functions = known.functions
        }
    }

    /// Reads what there is of few attributes, or looks for each setting among many.
    private mutating func readSettings(_ attributes: PickleDictionary) {
        if ["_forward_hooks", "_forward_pre_hooks"].contains(where: {
            attributes[$0]?.isFilledDictionary == true
        }) {
            record.settings[RecordedModule.hasHooks] = .flag(true)
        }
        let names = RecordedModule.settingNames
        if attributes.entries.count < names.count {
            for case (let name?, let value) in attributes.entries where names.contains(name) {
                record.settings[name] = RecordedSetting(value)
            }
        } else {
            for name in names {
                if let value = attributes[name] { record.settings[name] = RecordedSetting(value) }
            }
        }
    }
}

extension PickleValue {
    /// Whether it is a dictionary with something in it.
    fileprivate var isFilledDictionary: Bool {
        if case .dictionary(let dictionary) = self { return !dictionary.entries.isEmpty }
        return false
    }
}

extension RecordedSetting {
    fileprivate init(_ value: PickleValue) {
        switch value {
        case .bool(let flag): self = .flag(flag)
        case .int(let number): self = .number(Double(number))
        case .float(let number) where number.isFinite: self = .number(number)
        case .string(let text) where text.utf8.count <= Self.textLimit: self = .text(text)
        case .tuple(let list) where list.values.count <= Self.countLimit,
            .list(let list) where list.values.count <= Self.countLimit:
            let numbers = list.values.compactMap { value -> Double? in
                switch value {
                case .int(let number): Double(number)
                case .float(let number) where number.isFinite: number
                default: nil
                }
            }
            self = numbers.count == list.values.count ? .numbers(numbers) : .none
        default: self = .none
        }
    }
}
