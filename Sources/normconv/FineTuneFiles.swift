import Foundation
import NormConvKit

/// The files that tell how a training goes on: rewritten after each evaluation.
struct FineTuneFiles: Sendable {
    var log: String?
    var html: String?
    /// Whether files that were there before may be replaced.
    var overwrites: Bool
    /// What was typed.
    let command = ["normconv"] + CommandLine.arguments.dropFirst()

    /// Throws where a file cannot be written, before anything is read.
    func check(_ inputs: [String]) throws {
        for path in [log, html].compactMap(\.self) {
            try OutputIsInput.check(path, inputs)
            try AtomicFile.check(path, overwrite: overwrites)
        }
    }

    /// Writes the report so far. Only the first time has to succeed: `warn` is told of a disk that is full later, which does not
    /// end the training.
    func update(_ report: FineTuneReport, warn: (any Error) -> Void) throws {
        let isFirst = report.rounds.count == 1
        do { try write(report, isFirst: isFirst) } catch  where !isFirst { warn(error) }
    }

    /// Writes the report so far; the first time only where there is no file, or files may be replaced.
    func write(_ report: FineTuneReport, isFirst: Bool) throws {
        let overwrites = overwrites || !isFirst
        if let log { try AtomicFile.write(Data(report.csv.utf8), to: log, overwrite: overwrites) }
        if let html {
            let page = try FineTunePage(report, command: command, date: Date()).html()
            try AtomicFile.write(Data(page.utf8), to: html, overwrite: overwrites)
        }
    }
}
