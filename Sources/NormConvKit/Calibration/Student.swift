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
        for name in plan.edits.names {
            if let parameter = table[name] { planned[name] = try parameter.read() }
        }
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

/// Places of images that parameters are fitted to, and of images that judge.
struct FittedImages {
    /// Places of the images that parameters are fitted to.
    var fit: [Int]
    /// Places of the images set aside.
    var held: [Int]

    /// Fewer images, evenly chosen, where they have more positions than needed: about `total` to fit to and half as many
    /// to judge by, of which an image gives `positions`, but counts for 2,048 at most.
    func thinned(positions: Int, to total: Int) -> FittedImages {
        func some(_ images: [Int], _ count: Int) -> [Int] {
            let count = min(images.count, count)
            return (0..<count).map { images[$0 * images.count / count] }
        }
        let enough = max(total / 2048, total / max(positions, 1))
        return FittedImages(fit: some(fit, enough), held: some(held, enough / 2))
    }
}

/// The images of a calibration.
struct CalibrationImages {
    /// All of them, preprocessed: those that are fitted to in the order in which they were drawn, their mirror images
    /// where there are any, then the same for those set aside.
    let store: ActivationStore
    /// Places of the images as they were drawn, and of their mirror images.
    let fitted: FittedImages
    /// Places of the images that are fitted to as they were drawn.
    let originals: [Int]

    var fit: [Int] { fitted.fit }
    var held: [Int] { fitted.held }

    /// `drawn` with its last quarter set aside. Mirror images are images that the old network knows as well: they make
    /// up for few.
    init(_ drawn: ActivationStore, addsMirrored: Bool) throws {
        let held = drawn.count / 4
        let fit = drawn.count - held
        let times = addsMirrored ? 2 : 1
        store = try ActivationStore(shape: drawn.shape, count: drawn.count * times)
        originals = Array(0..<fit)
        fitted = FittedImages(
            fit: Array(0..<fit * times), held: Array(fit * times..<drawn.count * times))
        for place in 0..<drawn.count {
            let target = place < fit ? place : place + fit * (times - 1)
            let values = drawn.values(place..<place + 1)
            values.withUnsafeBufferPointer { store.store(target..<target + 1, $0) }
            guard addsMirrored else { continue }
            let mirror = target + (place < fit ? fit : held)
            mirrored(values, drawn.shape).withUnsafeBufferPointer { store.store(mirror..<mirror + 1, $0) }
        }
    }
}

/// An image with its columns in reverse.
private func mirrored(_ image: [Float], _ shape: Shape) -> [Float] {
    let (columns, channels) = (shape[1], shape[2])
    return image.indices.map { index in
        let (row, rest) = (index / (columns * channels), index % (columns * channels))
        let column = columns - 1 - rest / channels
        return image[(row * columns + column) * channels + rest % channels]
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
