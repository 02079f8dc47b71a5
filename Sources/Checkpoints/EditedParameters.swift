import Tensors

extension ParameterTable {
    /// The parameters after the edits, in their order; changed ones are computed when they are read. `path` is named
    /// in errors.
    ///
    /// Throws `CheckpointError.unknownParameter` where an edit hangs on a parameter that is not in the table.
    public func applying(_ edits: ParameterEdits, path: String) throws(CheckpointError) -> ParameterTable {
        try edits.check(against: self, path: path)
        var edited: [Parameter] = []
        for parameter in self {
            edited += inserted(.before, parameter, edits)
            switch edits[parameter.name] {
            case .remove: break
            case .replace(let change): edited.append(parameter.changed(by: change, path: path))
            case .insert, nil: edited.append(parameter)
            }
            edited += inserted(.after, parameter, edits)
        }
        return ParameterTable(edited)
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
        Parameter(name: name, shape: shape, elementType: elementType) {
            let new = try change(try read())
            guard new.shape == shape else {
                throw CheckpointError.wrongEdit(
                    path: path, name: name, found: new.shape.count, expected: shape.count)
            }
            return new
        }
    }
}
