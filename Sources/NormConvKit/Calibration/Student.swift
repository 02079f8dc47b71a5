import Conversion
import Foundation
import Inference
import Networks
import Tensors

/// The converted network while it is calibrated: the plan's parameters, and what has been fitted since.
struct Student {
    var network: Network
    let base: ParameterTable
    /// Fitted parameters by name, in the file's shape and layout.
    var fitted: [String: Tensor] = [:]

    init(_ plan: ConversionPlan, parameters: ParameterTable) throws {
        network = plan.network
        // Planned values are worked out once, not at every read.
        var planned: [String: Tensor] = [:]
        for name in plan.edits.names {
            switch plan.edits[name] {
            case .replace(let change)?: planned[name] = try parameters[name].map { try change($0.read()) }
            case .insert(let tensor, _, _)?: planned[name] = tensor
            case .remove?, nil: break
            }
        }
        base = parameters.replacing(planned)
    }

    var parameters: ParameterTable { base.replacing(fitted) }

    /// Gives a parameter other values.
    mutating func set(_ name: String, _ values: [Double]) throws {
        guard let old = parameters[name] else { throw InferenceError.missingParameter(name) }
        fitted[name] = Tensor(shape: old.shape, values: values.map(Float.init))
    }

    /// Gives a convolution or dense layer other filters, [outputs, inputs / groups, rows, columns].
    mutating func set(_ convolution: Convolution, _ filters: [Double]) throws {
        try set(convolution.kernel, convolution.stored(filters.map(Float.init)).map(Double.init))
    }

    /// The plan with the fitted values in its edits.
    func applied(to plan: ConversionPlan) -> ConversionPlan {
        var plan = plan
        for name in fitted.keys.sorted() {
            guard let tensor = fitted[name] else { continue }
            if case .insert(_, let place, let neighbour)? = plan.edits[name] {
                plan.edits.set(name, .insert(tensor, place, neighbour: neighbour))
            } else {
                plan.edits.set(name, .replace { _ in tensor })
            }
        }
        return plan
    }
}
