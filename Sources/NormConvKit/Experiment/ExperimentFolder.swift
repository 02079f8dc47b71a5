import Checkpoints
import Foundation
import Reports
import Tensors

/// The folder of an experiment: the networks that were made, and the results so far.
struct ExperimentFolder {
    private let path: String

    /// Makes the folder if it is missing.
    init(_ path: String) throws {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw ExperimentFailure.noFolder(path: path, reason: error.localizedDescription)
        }
    }

    private var results: String { path + "/experiment.json" }

    /// Where an arm's network is.
    func network(_ arm: ExperimentArm, like model: String) -> String {
        let name = arm.description.replacingOccurrences(of: ":", with: "-")
        let ending = URL(fileURLWithPath: model).lastPathComponent.drop { $0 != "." }
        return "\(path)/\(name)\(ending)"
    }

    /// The results so far, of an experiment like this one.
    ///
    /// Throws `ExperimentFailure.otherExperiment` where the folder has those of another one.
    func report(like wanted: ExperimentReport) throws -> ExperimentReport {
        guard let data = FileManager.default.contents(atPath: results) else {
            try removeNetworks(wanted)
            return wanted
        }
        guard var found = try? JSONDecoder().decode(ExperimentReport.self, from: data) else {
            throw ExperimentFailure.otherExperiment(path: results, differs: "it is not readable")
        }
        var (a, b) = (found, wanted)
        (a.cells, a.arms, a.batchSizes) = ([], [], [])
        (b.cells, b.arms, b.batchSizes) = ([], [], [])
        // One of them may have had no arms that read a source.
        let inputs = [a, b].compactMap(\.inputs).max { $0.count < $1.count }
        let names = Set(a.inputs?.map(\.name) ?? []).intersection(b.inputs?.map(\.name) ?? [])
        a.inputs = a.inputs?.filter { names.contains($0.name) }
        b.inputs = b.inputs?.filter { names.contains($0.name) }
        guard a == b else {
            throw ExperimentFailure.otherExperiment(path: results, differs: Self.difference(a, b))
        }
        (found.arms, found.batchSizes, found.inputs) = (wanted.arms, wanted.batchSizes, inputs)
        return found
    }

    /// Removes networks that were made with unknown settings.
    private func removeNetworks(_ report: ExperimentReport) throws {
        for arm in report.arms.compactMap(ExperimentArm.init(parsing:)) {
            let file = network(arm, like: report.model)
            if FileManager.default.fileExists(atPath: file) {
                try FileManager.default.removeItem(atPath: file)
            }
        }
    }

    private static func difference(_ a: ExperimentReport, _ b: ExperimentReport) -> String {
        func says(_ name: String, _ found: some Equatable, _ expected: some Equatable) -> String? {
            "\(found)" == "\(expected)" ? nil : "\(name) is \(found) there and \(expected) here"
        }
        let inputs = zip(a.inputs ?? [], b.inputs ?? []).lazy.compactMap {
            says("the checksum of \($0.name)", $0.value, $1.value)
        }.first
        let settings = zip(a.settings, b.settings).lazy.compactMap { says($0.name, $0.value, $1.value) }.first
        return says("the version", a.version, b.version) ?? says("the network", a.model, b.model)
            ?? says("--data", a.data, b.data) ?? says("--validate", a.validation, b.validation)
            ?? says("the number of images seen", a.imagesSeen, b.imagesSeen)
            ?? says("the number of seeds", a.seeds, b.seeds) ?? settings ?? inputs
            ?? "its settings are others"
    }

    /// Writes the results, and a page that shows them. `command` is what was typed.
    func write(_ report: ExperimentReport, command: [String]) throws {
        try AtomicFile.write(Data(JSONReport.text(report).utf8), to: results, overwrite: true)
        let page = try ExperimentPage(report, command: command, date: Date()).html()
        try AtomicFile.write(Data(page.utf8), to: path + "/report.html", overwrite: true)
    }
}

/// Why an experiment was not carried out.
package enum ExperimentFailure: Error, Equatable, CustomStringConvertible {
    /// A folder that cannot be made.
    case noFolder(path: String, reason: String)
    /// Results of another experiment.
    case otherExperiment(path: String, differs: String)
    /// Arms that need images that are not given.
    case noSource(arms: [String])
    /// Images for a calibration of another shape than the training images.
    case otherShape(file: String, found: Shape, expected: Shape)

    /// One line for people.
    package var description: String {
        switch self {
        case .noFolder(let path, let reason): "\(path): the folder cannot be made: \(reason)"
        case .otherExperiment(let path, let differs):
            "\(path): the results of another experiment: \(differs); give another --output"
        case .noSource(let arms):
            "\(arms.joined(separator: ", ")): needs images like those that the network was trained on; give --source IMAGES"
        case .otherShape(let file, let found, let expected):
            "\(file): images of \(found), expected \(expected) as the training images"
        }
    }
}
