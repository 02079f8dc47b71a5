import Checkpoints
import Conversion
import Tensors

extension Model {
    /// A warning for each tensor with several names (tied weights) that a conversion gives several values. Where all uses
    /// want the same one, it stays one tensor.
    func untied(by edits: ParameterEdits) throws -> [ConversionWarning] {
        let tied = Dictionary(grouping: checkpoint.parameters.filter { $0.tie != nil }) { $0.tie ?? 0 }
        return try tied.sorted { $0.key < $1.key }.compactMap { _, group in
            guard group.contains(where: { edits[$0.name] != nil }) else { return nil }
            var first: Tensor?
            for parameter in group {
                guard let value = try edited(parameter, by: edits) else { continue }
                if let first, first != value { return .untied(parameters: group.map(\.name)) }
                first = first ?? value
            }
            return nil
        }
    }

    /// The values after the edits; nil where the parameter is left out.
    private func edited(_ parameter: Parameter, by edits: ParameterEdits) throws -> Tensor? {
        switch edits[parameter.name] {
        case .remove: nil
        case .replace(let change): try change(try parameter.read())
        case .resize(let tensor): tensor
        case .insert, nil: try parameter.read()
        }
    }
}
