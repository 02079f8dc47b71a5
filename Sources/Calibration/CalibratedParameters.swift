import Conversion
import Inference
import Networks
import Tensors

/// The converted network's parameters while they are calibrated: the plan's, and what has been fitted since. A copy is a
/// snapshot to go back to.
struct CalibratedParameters: Sendable {
    /// What the plan gives.
    private let planned: ParameterTable
    /// Fitted parameters by name, in the file's shape and layout.
    private(set) var fitted: [String: Tensor] = [:]

    /// Parameters of which none is fitted yet.
    init(_ planned: ParameterTable) { self.planned = planned }

    /// A plan's parameters, worked out once, not at every read.
    init(_ plan: ConversionPlan, parameters: ParameterTable) throws {
        var changed: [String: Tensor] = [:]
        for name in plan.edits.names {
            switch plan.edits[name] {
            case .replace(let change)?: changed[name] = try parameters[name].map { try change($0.read()) }
            case .insert(let tensor, _, _)?, .resize(let tensor)?: changed[name] = tensor
            case .remove?, nil: break
            }
        }
        self.init(parameters.replacing(changed))
    }

    /// All parameters as they are now.
    var table: ParameterTable { planned.replacing(fitted) }

    /// The values of a parameter as they are now.
    func values(_ name: String) throws -> [Float] {
        if let tensor = fitted[name] { return tensor.values }
        guard let parameter = planned[name] else { throw InferenceError.missingParameter(name) }
        return try parameter.read().values
    }

    /// The filters of a convolution or dense layer, [outputs, inputs / groups, rows, columns].
    func filters(of convolution: Convolution) throws -> [Double] {
        convolution.filters(try values(convolution.kernel)).map(Double.init)
    }

    /// Gives a parameter other values.
    mutating func set(_ name: String, to values: [Double]) throws {
        guard let shape = fitted[name]?.shape ?? planned[name]?.shape else {
            throw InferenceError.missingParameter(name)
        }
        fitted[name] = Tensor(shape: shape, values: values.map(Float.init))
    }

    /// Gives a convolution or dense layer other filters, [outputs, inputs / groups, rows, columns].
    mutating func setFilters(of convolution: Convolution, to filters: [Double]) throws {
        try set(convolution.kernel, to: convolution.stored(filters.map(Float.init)).map(Double.init))
    }

    /// Takes over parameters in the file's shape and layout.
    mutating func merge(_ tensors: [String: Tensor]) { fitted.merge(tensors) { $1 } }

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
