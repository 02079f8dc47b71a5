import Tensors

/// What classes, functions and their states make. Source of the tensors' form: `torch/_utils.py`,
/// `torch/serialization.py`; of the arrays': `numpy/_core/src/multiarray/methods.c`.
extension PickleMachine {
    /// The class or function of a name.
    func global(_ module: String, _ name: String) throws -> PickleGlobal {
        guard !PickleGlobal.runsCode(module: module, name: name) else {
            throw PickleError.runsCode(path: path, name: "\(module).\(name)")
        }
        return PickleGlobal(module: module, name: name)
    }

    /// What a call, or a new object of a class, becomes.
    mutating func reduce(_ callee: PickleValue, _ arguments: PickleValue, _ at: Int) throws -> PickleValue {
        guard let values = arguments.tuple else { throw wrong(at, arguments, "a tuple of arguments") }
        guard let global = callee.global else {
            // A method of an object, or what a call gave.
            guard let object = callee.object else { throw wrong(at, callee, "a function") }
            return .object(keep(PickleObject(object.global, values)))
        }
        switch global {
        case .orderedDictionary: return .dictionary(try orderedDictionary(values))
        case .defaultDictionary: return .dictionary(keep(PickleDictionary()))
        case .list:
            if let list = values.first?.elements { return .list(list) }
            return .list(keep(PickleList()))
        case .identity: return values.first ?? .tuple(keep(PickleList()))
        case .encode: return try encoded(values) ?? object(global, values)
        case .rebuild(let rebuild): return try self.rebuild(rebuild, values, at)
        case .numpyBuffer: return numpyBuffer(values)
        case .numpyArray, .numpyType, .storage, .elementType, .opaque: return object(global, values)
        }
    }

    private mutating func object(_ global: PickleGlobal, _ arguments: [PickleValue]) -> PickleValue {
        .object(keep(PickleObject(global, arguments)))
    }

    /// Empty, or of a list of pairs as Python 2 writes it.
    private mutating func orderedDictionary(_ values: [PickleValue]) throws -> PickleDictionary {
        let dictionary = keep(PickleDictionary())
        guard let pairs = values.first?.elements?.values else { return dictionary }
        try spend(pairs.count)
        for pair in pairs {
            guard let parts = pair.elements?.values, parts.count == 2 else { continue }
            dictionary.set(parts[0], parts[1])
        }
        return dictionary
    }

    /// The bytes of a string of characters below 256, the form in which Python 3 writes bytes with protocol 2. The strings
    /// of a pickle are its own bytes: together they are no longer than it.
    private mutating func encoded(_ values: [PickleValue]) throws -> PickleValue? {
        guard let text = values.first?.string else { return nil }
        encoded += text.utf8.count
        guard encoded <= position else {
            throw PickleError.tooMany(path: path, object: "bytes of arrays", limit: position)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            guard let byte = UInt8(exactly: scalar.value) else { return nil }
            bytes.append(byte)
        }
        return .bytes(PickleBytes(bytes))
    }

    /// State on an ordered dictionary is the modules' versions (`_metadata`), on a tensor its class's own attributes.
    func build(_ target: PickleValue, _ state: PickleValue, _ at: Int) throws {
        switch target {
        case .dictionary, .tensor, .unreadable, .list: break
        case .object(let object):
            object.setState(state)
            if object.global == .numpyArray { object.array = numpyArray(state) }
        default: throw wrong(at, target, "an object")
        }
    }

    /// `('storage', class, key, location, count)`, before 1.6 with `(key, offset, count)` of a view or None after it, and
    /// `('module', class, file, source)` for a class whose source was saved, too.
    mutating func persistent(_ id: PickleValue, _ at: Int) throws -> PickleValue {
        let parts = id.tuple ?? []
        if parts.count == 4, parts[0].string == "module" { return parts[1] }
        guard parts.count == 5 || parts.count == 6, parts[0].string == "storage",
            case .storage(let elements)? = parts[1].global,
            let key = parts[2].string ?? parts[2].int.map(String.init), let count = parts[4].int, count >= 0
        else { throw wrong(at, id, "('storage', class, key, location, count)") }
        let root = TorchStorage(place: .key(key), elements: elements, count: count)
        if storages[key] == nil { storages[key] = root }
        guard parts.count == 6, let view = parts[5].tuple else { return .storage(root) }
        guard view.count == 3, let offset = view[1].int, let length = view[2].int, offset >= 0, length >= 0,
            case let (end, overflow) = offset.addingReportingOverflow(length), !overflow, end <= count
        else { throw wrong(at, parts[5], "a view of \(count) elements") }
        return .storage(TorchStorage(place: .key(key), elements: elements, count: count, offset: offset))
    }
}

// MARK: Tensors

extension PickleMachine {
    private func rebuild(
        _ rebuild: PickleGlobal.Rebuild, _ values: [PickleValue], _ at: Int
    ) throws -> PickleValue {
        switch rebuild {
        case .tensor: return try tensor(values, type: nil)
        case .typedTensor:
            guard values.count > 6, case .elementType(let type)? = values[6].global else {
                return .unreadable("a tensor of an unknown type")
            }
            return try tensor(values, type: type)
        case .parameter:
            guard let numbers = values.first?.numbers else { throw wrong(at, values.first, "a tensor") }
            return numbers
        case .subclass:
            guard values.count > 2, case .rebuild(let inner)? = values[0].global, inner != .subclass,
                let arguments = values[2].tuple
            else { return .unreadable("a tensor of a class of its own") }
            return try self.rebuild(inner, arguments, at)
        case .other(let kind): return .unreadable(kind)
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks, metadata)`; `type`, before the
    /// metadata in version 3, is another one than the storage's.
    private func tensor(_ values: [PickleValue], type: ElementType?) throws -> PickleValue {
        guard values.count >= 4, case .storage(var storage) = values[0], let offset = values[1].int,
            let extents = values[2].ints, let strides = values[3].ints
        else {
            throw PickleError.wrongTensor(
                path: path, found: values.map(\.kind).listed(6),
                expected: "a storage, an offset, a shape and strides")
        }
        // Such views have their storage's bytes and other values.
        let place = type == nil ? 6 : 7
        if values.count > place, let metadata = values[place].dictionary {
            if metadata["neg"]?.bool == true { return .unreadable("a negated view") }
            if metadata["conj"]?.bool == true { return .unreadable("a conjugated view") }
        }
        if let type {
            guard let recast = storage.recast(type) else {
                throw PickleError.wrongTensor(
                    path: path,
                    found:
                        "offset \(storage.offset) of \(storage.elements.name) for elements of \(type.size) bytes",
                    expected: "whole elements before it")
            }
            storage = recast
        }
        guard let type = storage.elements.type else {
            return .unreadable("a tensor of \(storage.elements.name)")
        }
        let (start, overflow) = offset.addingReportingOverflow(storage.offset)
        guard !overflow, offset >= 0,
            let tensor = TorchTensor(
                storage: storage, type: type, offset: start, extents: extents, strides: strides)
        else {
            throw PickleError.wrongTensor(
                path: path,
                found: "shape \(extents), strides \(strides), offset \(offset) on \(storage.count) elements",
                expected: "a view inside its storage, of at most 100 times as many elements")
        }
        return .tensor(tensor)
    }
}

// MARK: Arrays of numpy

extension PickleMachine {
    /// The numbers of an array by its state: `(version, shape, type, is Fortran's, bytes)`.
    private func numpyArray(_ state: PickleValue) -> PickleValue? {
        guard let parts = state.tuple, parts.count >= 4, let isFortran = parts[parts.count - 2].bool else {
            return nil
        }
        return numpyArray(parts[parts.count - 1], parts[parts.count - 3], parts[parts.count - 4], isFortran)
    }

    /// `_frombuffer(bytes, type, shape, order)`
    private func numpyBuffer(_ values: [PickleValue]) -> PickleValue {
        let array =
            values.count == 4
            ? numpyArray(values[0], values[1], values[2], values[3].string == "F") : nil
        return array ?? .unreadable("an array of objects")
    }

    private func numpyArray(
        _ bytes: PickleValue, _ type: PickleValue, _ shape: PickleValue, _ isFortran: Bool
    ) -> PickleValue? {
        guard let extents = shape.ints, let elements = numpyElements(type) else { return nil }
        let data: PickleBytes
        switch bytes {
        case .bytes(let bytes): data = bytes
        case .string(let text): data = PickleBytes(Array(text.utf8))
        default: return .unreadable("an array of objects")
        }
        guard let elementType = elements.type else { return .unreadable("an array of '\(elements.name)'") }
        let storage = TorchStorage(
            place: .pickle(data), elements: elements, count: data.count / elements.size)
        let strides =
            isFortran ? Self.strides(extents) : Self.strides(extents.reversed()).map { $0.reversed() }
        let tensor = strides.flatMap {
            TorchTensor(storage: storage, type: elementType, offset: 0, extents: extents, strides: $0)
        }
        guard let tensor, tensor.shape.count * elements.size == data.count else {
            return .unreadable("an array of another shape than its \(data.count) bytes have")
        }
        return .tensor(tensor)
    }

    /// Strides of an array whose first dimension is the innermost; nil where they do not fit an `Int`.
    private static func strides(_ extents: [Int]) -> [Int]? {
        var strides: [Int] = []
        var next = 1
        for extent in extents {
            strides.append(next)
            let (product, overflow) = next.multipliedReportingOverflow(by: max(extent, 1))
            if overflow { return nil }
            next = product
        }
        return strides
    }

    /// `dtype('f4')`, whose state has the order of bytes as its second part.
    private func numpyElements(_ type: PickleValue) -> TorchElements? {
        guard let object = type.object, object.global == .numpyType,
            let code = object.arguments.first?.string
        else { return nil }
        let order = object.state.tuple.flatMap { $0.count > 1 ? $0[1].string : nil } ?? "="
        let name = order == "=" ? code : order + code
        guard let known = ElementType(numpyCode: code), order != ">" || known.size == 1 else {
            return TorchElements(name, size: 1)
        }
        return TorchElements(name, size: known.size, type: known)
    }
}
