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

    /// How far other outputs for the same images are from the old network's.
    func step(_ name: String, _ other: [Float], kept: Bool = true) -> CalibrationReport.Step {
        let rows = outputs.count / classes
        var agreements = 0
        var means = [Double](repeating: 0, count: classes)
        for index in outputs.indices { means[index % classes] += Double(outputs[index]) / Double(rows) }
        var (error, spread) = (0.0, 0.0)
        for row in 0..<rows {
            let range = row * classes..<(row + 1) * classes
            agreements += prediction(outputs[range]) == prediction(other[range]) ? 1 : 0
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

    private func prediction(_ row: ArraySlice<Float>) -> Int? {
        if isSigmoid { return row.first.map { $0 > 0 ? 1 : 0 } }
        return row.indices.max { row[$0] < row[$1] }.map { $0 - row.startIndex }
    }
}
