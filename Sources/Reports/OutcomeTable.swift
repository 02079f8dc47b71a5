import Evaluation

/// Networks' predictions as comma-separated values (RFC 4180): one line per image and network.
///
/// Columns are `index`, `path` if images have one, `label` and `label_name`, `model`, `prediction` and
/// `prediction_name`, `probability` of the prediction, and `correct` (0 or 1). Names are present if the split has them.
/// A network whose outputs are not finite leaves `prediction` and `probability` empty.
package struct OutcomeTable: Sendable {
    private let models: [(name: String, outcomes: OutcomeList)]
    private let labels: [Int]
    private let classNames: [String]?
    private let paths: [String]?

    /// Complete outcomes of the same labelled images; `paths` has one entry an image.
    package init(
        _ models: [(name: String, outcomes: Outcomes)], classNames: [String]? = nil, paths: [String]? = nil
    ) throws(EvaluationError) {
        guard let labels = models.first?.outcomes.labels else { throw .unlabelled }
        var complete: [(name: String, outcomes: OutcomeList)] = []
        for model in models { complete.append((model.name, try model.outcomes.complete())) }
        precondition(complete.allSatisfy { $0.outcomes.count == labels.count })
        precondition(paths.map { $0.count == labels.count } ?? true)
        self.models = complete
        self.labels = labels
        self.classNames = classNames
        self.paths = paths
    }

    /// The header and all lines.
    package var csv: String {
        let names = classNames != nil
        var columns = ["index", "label", "model", "prediction", "probability", "correct"]
        if names {
            columns.insert("prediction_name", at: 4)
            columns.insert("label_name", at: 2)
        }
        if paths != nil { columns.insert("path", at: 1) }
        var text = columns.joined(separator: ",") + "\r\n"
        for (index, label) in labels.enumerated() {
            var image = ["\(index)"]
            if let paths { image.append(Self.quoted(paths[index])) }
            image.append("\(label)")
            if names { image.append(name(label)) }
            for model in models {
                let outcome = model.outcomes[index]
                var cells = image + [Self.quoted(model.name), outcome.prediction.map(String.init) ?? ""]
                if names { cells.append(outcome.prediction.map(name) ?? "") }
                cells += [
                    outcome.confidence.map { "\($0)" } ?? "", outcome.isCorrect(within: 1) ? "1" : "0",
                ]
                text += cells.joined(separator: ",") + "\r\n"
            }
        }
        return text
    }

    private func name(_ index: Int) -> String {
        guard let classNames, classNames.indices.contains(index) else { return "" }
        return Self.quoted(classNames[index])
    }

    /// Quotes text with a comma, a quote or a line end. Quotes inside are doubled.
    static func quoted(_ text: String) -> String {
        // Scalars: a comma with a combining mark is one character, and no longer equal to a comma.
        let special = text.unicodeScalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
        guard special else { return text }
        var quoted = "\"".unicodeScalars
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted.append(scalar) }
            quoted.append(scalar)
        }
        quoted.append("\"")
        return String(quoted)
    }
}
