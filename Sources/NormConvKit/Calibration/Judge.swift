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
