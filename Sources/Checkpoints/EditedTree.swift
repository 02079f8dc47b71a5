import HDF5
import Tensors

/// Copies groups and datasets from one HDF5 file to another, changing the parameters that edits name on the way.
struct EditedTree {
    let path: String
    let output: HDF5Output
    let edits: ParameterEdits
    /// A dataset's path in the file → its parameter's name.
    let parameterName: (String) -> String
    /// A new parameter's name and its neighbour's path in the file → its own path.
    let newPath: (_ name: String, _ neighbour: String) -> String

    /// Copies what is below a group that the output already has; `skipping` names children to leave out.
    func copyChildren(of group: Group, to place: String, skipping: Set<String> = []) throws {
        for name in try group.names() where !skipping.contains(name) {
            try copyChild(name, of: group, to: place)
        }
    }

    /// Copies one child of a group that the output already has.
    func copyChild(_ name: String, of group: Group, to place: String) throws {
        let path = place.isEmpty ? name : place + "/" + name
        switch try group.child(name) {
        case .group(let child): try copy(child, to: path)
        case .dataset(let dataset): try copy(dataset, to: path)
        }
    }

    /// Copies a group with its attributes and all that is below it.
    func copy(_ group: Group, to path: String, exceptAttributes: Set<String> = []) throws {
        try output.createGroup(path, like: group)
        try output.copyAttributes(of: group, to: path, except: exceptAttributes)
        try copyChildren(of: group, to: path)
    }

    private func copy(_ dataset: Dataset, to place: String) throws {
        let name = parameterName(place)
        try insert(.before, of: name, at: place, like: dataset)
        try write(dataset, named: name, to: place)
        try insert(.after, of: name, at: place, like: dataset)
    }

    /// Writes a parameter as its edit wants it; nothing where it is removed.
    func write(_ dataset: Dataset, named name: String, to place: String) throws {
        switch edits[name] {
        case .remove: break
        case .replace(let change):
            let shape = Shape(dataset.shape)
            let new = try change(Tensor(shape: shape, values: try dataset.readFloats()))
            guard new.shape == shape else {
                throw CheckpointError.wrongEdit(
                    path: path, name: name, found: new.shape.count, expected: shape.count)
            }
            try checkRange(new.values, of: name, in: dataset)
            try output.write(new.values, to: place, replacing: dataset)
        case .resize(let tensor): try write(tensor, named: name, to: place, like: dataset)
        case .insert, nil: try output.copy(dataset, to: place)
        }
    }

    /// Writes a new parameter with the element type of its neighbour.
    func write(_ tensor: Tensor, named name: String, to place: String, like dataset: Dataset) throws {
        try checkRange(tensor.values, of: name, in: dataset)
        try output.write(tensor.values, shape: tensor.shape.extents, to: place, like: dataset)
    }

    /// Refuses values that would be written as an infinity or NaN, or rounded to an integer.
    private func checkRange(_ values: [Float], of name: String, in dataset: Dataset) throws(CheckpointError) {
        let type = dataset.elementType
        guard let misfit = Elements.firstMisfit(values, type) else { return }
        throw .doesNotFit(path: path, name: name, value: misfit.value, type: type.rawValue)
    }

    private func insert(
        _ side: ParameterEdit.Place, of neighbour: String, at place: String, like dataset: Dataset
    ) throws {
        for (name, tensor) in edits.insertions(side, of: neighbour) {
            try write(tensor, named: name, to: newPath(name, place), like: dataset)
        }
    }
}

extension ParameterEdits {
    /// Names of parameters after removals and insertions.
    func applied(to names: [String]) -> [String] {
        names.flatMap { name -> [String] in
            let before = insertions(.before, of: name).map(\.name)
            let after = insertions(.after, of: name).map(\.name)
            if case .remove = self[name] { return before + after }
            return before + [name] + after
        }
    }

    /// Throws `CheckpointError.unknownParameter` where an edit hangs on a parameter that is not in the table,
    /// `CheckpointError.alreadyThere` where a new one's name is taken.
    func check(against parameters: ParameterTable, path: String) throws(CheckpointError) {
        for name in names {
            var target = name
            if case .insert(_, _, let neighbour) = self[name] {
                guard parameters[name] == nil else { throw .alreadyThere(path: path, name: name) }
                target = neighbour
            }
            guard parameters[target] != nil else { throw .unknownParameter(path: path, name: target) }
        }
    }
}

extension Dataset {
}

extension Parameter {
    /// The parameter that a dataset holds, read when asked for.
    init(_ dataset: Dataset, name: String) {
        let shape = Shape(dataset.shape)
        self.init(
            name: name, shape: shape,
            elementType: dataset.elementType,
            bytes: {
                var bytes = [UInt8](repeating: 0, count: dataset.byteCount)
                try bytes.withUnsafeMutableBytes { try dataset.read(as: dataset.elementType, into: $0) }
                return bytes
            }, load: { Tensor(shape: shape, values: try dataset.readFloats()) })
    }
}
