import Tensors

extension ParameterTable {
    /// The parameters after the edits, in their order; changed ones are computed when they are read. `path` is named
    /// in errors.
    ///
    /// Throws `CheckpointError.unknownParameter` where an edit hangs on a parameter that is not in the table,
    /// `CheckpointError.alreadyThere` where a new one's name is taken.
    package func applying(_ edits: ParameterEdits, path: String) throws(CheckpointError) -> ParameterTable {
        try edits.check(against: self, path: path)
        var edited: [Parameter] = []
        for parameter in self {
            edited += inserted(.before, parameter, edits)
            switch edits[parameter.name] {
            case .remove: break
            case .replace(let change): edited.append(parameter.changed(by: change, path: path))
            case .resize(let tensor):
                edited.append(
                    Parameter(name: parameter.name, shape: tensor.shape, elementType: parameter.elementType) {
                        tensor
                    })
            case .insert, nil: edited.append(parameter)
            }
            edited += inserted(.after, parameter, edits)
        }
        return ParameterTable(edited)
    }

    /// The table with what `change` makes of each parameter, under names of their own; `path` is named in errors.
    ///
    /// Throws `CheckpointError.sameName` where two would have one name.
    package func renamed(
        path: String, _ change: (Parameter) -> Parameter
    ) throws(CheckpointError) -> ParameterTable {
        var origins: [String: String] = [:]
        let renamed = map { (old: $0.name, new: change($0)) }
        for (old, new) in renamed {
            if let other = origins.updateValue(old, forKey: new.name) {
                throw .sameName(path: path, name: new.name, of: [other, old])
            }
        }
        return ParameterTable(renamed.map(\.new))
    }

    private func inserted(
        _ side: ParameterEdit.Place, _ neighbour: Parameter, _ edits: ParameterEdits
    ) -> [Parameter] {
        edits.insertions(side, of: neighbour.name).map { name, tensor in
            Parameter(name: name, shape: tensor.shape, elementType: neighbour.elementType) { tensor }
        }
    }
}

extension Parameter {
    fileprivate func changed(
        by change: @escaping @Sendable (consuming Tensor) throws -> Tensor, path: String
    ) -> Parameter {
        Parameter(name: name, shape: shape, elementType: elementType, tie: tie) {
            let new = try change(try read())
            guard new.shape == shape else {
                throw CheckpointError.wrongEdit(
                    path: path, name: name, found: new.shape.count, expected: shape.count)
            }
            return new
        }
    }
}
