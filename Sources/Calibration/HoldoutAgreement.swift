/// How well other outputs on the images set aside agree with the old network's: steps are kept or dropped by it.
struct HoldoutAgreement {
    private let outputs: [Float]
    private let classes: Int
    private let isSigmoid: Bool

    /// `outputs` are values before a softmax or sigmoid; `isSigmoid`: one of them tells two classes.
    init(_ outputs: [Float], classes: Int, isSigmoid: Bool = false) {
        self.outputs = outputs
        self.classes = classes
        self.isSigmoid = isSigmoid && classes == 1
    }

    /// What is found of other outputs.
    struct Judgement {
        /// Agreement and error.
        var step: CalibrationReport.Step
        /// Of each image, whether both networks put it into the same class.
        var agrees: [Bool]

        /// Whether these outputs are to replace the others, for the same images. The agreement decides where it changes by more
        /// than one standard error of a paired comparison (McNemar's: the root of the number of images that change), otherwise
        /// the error does: it is the finer measure where images are few.
        func isBetter(than other: Judgement) -> Bool {
            guard step.outputError.isFinite else { return false }
            let changed = zip(agrees, other.agrees).filter { $0 != $1 }
            let gain = changed.reduce(0) { $0 + ($1.0 ? 1 : -1) }
            return gain * gain > changed.count ? gain > 0 : step.outputError <= other.step.outputError
        }
    }

    /// How far other outputs for the same images are from the old network's.
    func judge(_ name: String, _ other: [Float]) -> Judgement {
        let rows = outputs.count / classes
        var agrees: [Bool] = []
        var means = [Double](repeating: 0, count: classes)
        for index in outputs.indices { means[index % classes] += Double(outputs[index]) / Double(rows) }
        var (error, spread) = (0.0, 0.0)
        for row in 0..<rows {
            let range = row * classes..<(row + 1) * classes
            agrees.append(prediction(outputs[range]) == prediction(other[range]))
            for index in range {
                let (old, new) = (Double(outputs[index]), Double(other[index]))
                error += (old - new) * (old - new)
                spread += (old - means[index % classes]) * (old - means[index % classes])
            }
        }
        let step = CalibrationReport.Step(
            name: name, agreement: Double(agrees.count { $0 }) / Double(max(rows, 1)),
            outputError: spread > 0 ? error / spread : 0, kept: true)
        return Judgement(step: step, agrees: agrees)
    }

    private func prediction(_ row: ArraySlice<Float>) -> Int? {
        if isSigmoid { return row.first.map { $0 > 0 ? 1 : 0 } }
        return row.indices.max { row[$0] < row[$1] }.map { $0 - row.startIndex }
    }
}
