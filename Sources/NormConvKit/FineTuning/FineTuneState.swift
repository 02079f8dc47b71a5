import Checkpoints
import FineTuning
import Foundation
import Reports
import Tensors

/// A training between two rounds, to go on with after a kill: a safetensors file of the parameters, what the optimizer
/// remembers and the best parameters, with the report so far as its note.
struct FineTuneState: Sendable {
    /// Which training it is.
    var facts: FineTuneFacts
    /// What was done so far.
    var report: FineTuneReport
    /// Where it stands.
    var snapshot: FineTuningSnapshot
    /// The parameters of the best round; nil where there is none, or it is the current one.
    var best: [String: Tensor]?

    private struct Note: Codable {
        var facts: FineTuneFacts
        var report: FineTuneReport
        var steps: Int
        /// Of all values.
        var checksum: String
        var optimizer: Int
        var statistics: Int
    }

    private static let bestPrefix = "best."

    /// Writes the file; it appears whole or not at all.
    func write(to path: String) throws {
        var tensors: [(String, Tensor)] = [("values", Tensor(snapshot.values))]
        tensors += snapshot.optimizer.enumerated().map { ("optimizer.\($0)", Tensor($1)) }
        tensors += snapshot.statistics.enumerated().map { ("statistics.\($0)", Tensor($1)) }
        tensors += (best ?? [:]).sorted { $0.key < $1.key }.map { (Self.bestPrefix + $0, $1) }
        let note = Note(
            facts: facts, report: report, steps: snapshot.steps, checksum: checksum,
            optimizer: snapshot.optimizer.count, statistics: snapshot.statistics.count)
        let table = ParameterTable(
            tensors.map { name, tensor in
                Parameter(name: name, shape: tensor.shape, elementType: .float32) { tensor }
            })
        try NewCheckpoint(
            parameters: table, isKeras: false, modelConfig: nil,
            note: String(decoding: JSONEncoder().encode(note), as: UTF8.self)
        ).write(to: path, layout: .safetensors, overwrite: true)
    }

    /// Of all values, in their order.
    private var checksum: String {
        var digest = Digest()
        func add(_ values: [Float]) { values.withUnsafeBytes { digest.add($0) } }
        add(snapshot.values)
        for values in snapshot.optimizer + snapshot.statistics { add(values) }
        for (name, tensor) in (best ?? [:]).sorted(by: { $0.key < $1.key }) {
            digest.add(name)
            add(tensor.values)
        }
        return digest.text
    }

    /// Reads a state of the training with these facts; nil where there is no file.
    ///
    /// Throws `FineTuningFailure.notState` for another file, `.otherTraining` for that of another training.
    static func read(_ path: String, of facts: FineTuneFacts) throws -> FineTuneState? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let checkpoint = try openCheckpoint(path)
        guard let text = checkpoint.note,
            let note = try? JSONDecoder().decode(Note.self, from: Data(text.utf8))
        else {
            throw FineTuningFailure.notState(file: path, found: checkpoint.layout.description)
        }
        if let (what, found, expected) = note.facts.difference(from: facts) {
            throw FineTuningFailure.otherTraining(
                file: path, what: what, found: found, expected: expected)
        }
        func values(_ name: String) throws -> [Float] {
            guard let parameter = checkpoint.parameters[name] else {
                throw FineTuningFailure.notState(file: path, found: "a state without '\(name)'")
            }
            return try parameter.read().values
        }
        var best: [String: Tensor] = [:]
        for parameter in checkpoint.parameters where parameter.name.hasPrefix(bestPrefix) {
            best[String(parameter.name.dropFirst(bestPrefix.count))] = try parameter.read()
        }
        let state = FineTuneState(
            facts: note.facts, report: note.report,
            snapshot: FineTuningSnapshot(
                steps: note.steps, values: try values("values"),
                optimizer: try (0..<note.optimizer).map { try values("optimizer.\($0)") },
                statistics: try (0..<note.statistics).map { try values("statistics.\($0)") }),
            best: best.isEmpty ? nil : best)
        guard state.checksum == note.checksum else {
            throw FineTuningFailure.notState(file: path, found: "damaged values")
        }
        return state
    }
}
