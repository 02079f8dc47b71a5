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
        let table = parameters.applying(plan.edits)
        for name in plan.edits.names { if let parameter = table[name] { planned[name] = try parameter.read() } }
        base = table.replacing(planned)
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

/// Images that are fitted to, and images that judge.
struct CalibrationImages {
    /// All of them, preprocessed, in the order in which they were drawn.
    let store: ActivationStore
    /// Places of the images that parameters are fitted to.
    let fit: [Int]
    /// Places of the images set aside: the last quarter.
    let held: [Int]

    init(fit count: Int, of store: ActivationStore) {
        self.store = store
        fit = Array(0..<count)
        held = Array(count..<store.count)
    }
}

/// The old network's outputs on the images set aside, which steps are judged by.
struct Judge {
    private let outputs: [Float]
    private let classes: Int

    init(_ outputs: [Float], classes: Int) {
        self.outputs = outputs
        self.classes = classes
    }

    /// How far other outputs for the same images are from the old network's.
    func step(_ name: String, _ other: [Float], kept: Bool = true) -> CalibrationReport.Step {
        let rows = outputs.count / classes
        var agreements = 0
        var means = [Double](repeating: 0, count: classes)
        for index in outputs.indices { means[index % classes] += Double(outputs[index]) / Double(rows) }
        var (error, spread) = (0.0, 0.0)
        for row in 0..<rows {
            let range = row * classes..<(row + 1) * classes
            agreements += largest(outputs[range]) == largest(other[range]) ? 1 : 0
            for index in range {
                let (old, new) = (Double(outputs[index]), Double(other[index]))
                error += (old - new) * (old - new)
                spread += (old - means[index % classes]) * (old - means[index % classes])
            }
        }
        return CalibrationReport.Step(
            name: name, agreement: Double(agreements) / Double(max(rows, 1)),
            outputError: spread > 0 ? error / spread : 0, kept: kept)
    }

    private func largest(_ row: ArraySlice<Float>) -> Int? {
        row.indices.max { row[$0] < row[$1] }.map { $0 - row.startIndex }
    }
}
