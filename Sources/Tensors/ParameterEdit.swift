/// One change that a conversion asks of a checkpoint's writer. What no edit names is copied as it stands:
/// bytes, element type, order and attributes.
package enum ParameterEdit: Sendable {
    /// The parameter is left out.
    case remove
    /// The values become what the closure makes of the old ones, in their memory if nothing else has
    /// them: same shape, same element type.
    case replace(@Sendable (consuming Tensor) throws -> Tensor)
    /// Another tensor of any shape, with the same element type. Only new files take it, not edited copies.
    case resize(Tensor)
    /// A new parameter beside the existing parameter `neighbour`, whose element type it takes. Keras reads the
    /// weights of a layer by position, so the place matters.
    case insert(Tensor, Place, neighbour: String)

    /// Where a new parameter stands in the file's order.
    package enum Place: Sendable, Equatable {
        /// Right before the neighbour.
        case before
        /// Right after the neighbour.
        case after
    }
}

/// Edits in the order they were made, keyed by parameter name.
package struct ParameterEdits: Sendable {
    /// Names with an edit, in the order the conversion made them.
    package private(set) var names: [String] = []
    private var edits: [String: ParameterEdit] = [:]
    /// Neighbour → names that were inserted next to it, in order.
    private var beside: [String: [String]] = [:]

    /// No edits: the file is copied as it is.
    package init() {}

    /// The edit of a parameter, if there is one. A name is set once or replaced, never unset.
    package subscript(_ name: String) -> ParameterEdit? { edits[name] }

    /// Records an edit; a later one for the same name takes the earlier one's place.
    package mutating func set(_ name: String, _ edit: ParameterEdit) {
        if case .insert(_, _, let neighbour) = edit, beside[neighbour]?.contains(name) != true {
            beside[neighbour, default: []].append(name)
        }
        if edits.updateValue(edit, forKey: name) == nil { names.append(name) }
    }

    /// New parameters on one side of a neighbour, in the order they were made.
    package func insertions(
        _ side: ParameterEdit.Place, of neighbour: String
    ) -> [(name: String, tensor: Tensor)] {
        (beside[neighbour] ?? []).compactMap { name in
            guard case .insert(let tensor, side, neighbour) = edits[name] else { return nil }
            return (name, tensor)
        }
    }
}
