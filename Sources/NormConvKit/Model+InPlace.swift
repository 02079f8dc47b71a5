import Checkpoints
import Conversion
import Foundation

extension Model {
    /// Throws if an output is one of this network's own files, under any of its names: only `writeInPlace` replaces it.
    func checkOutputs(_ outputs: [String]) throws {
        for output in outputs {
            if checkpoint.files.count == 1, OutputIsInput.areOne(output, path) {
                throw ConvertFailure.outputIsInput(path: output, backup: Backup.path(of: output))
            }
            try OutputIsInput.check(output, checkpoint.files)
        }
    }

    /// The files that writing a plan makes.
    func outputs(of plan: ConversionPlan, at path: String, layout: OutputLayout?) -> [String] {
        outputLayout(layout) == nil ? checkpoint.outputs(at: path, edits: plan.edits) : [path]
    }

    /// Throws what `writeInPlace` would throw before it writes anything.
    package func checkInPlace(_ path: String) throws {
        guard checkpoint.files.count == 1 else { throw ConvertFailure.shardsInPlace(path: path) }
        try Backup.check(path)
        try AtomicFile.check(path, overwrite: true)
    }

    /// Replaces this network's own file with a conversion and keeps the old file as `NAME.bak`. The old file has one of the
    /// two names at every moment. If writing fails, it has its own name, and there is no `NAME.bak`.
    ///
    /// Throws `CheckpointError.backupExists` where there is another `NAME.bak`, and what `write` throws.
    ///
    /// - Parameter path: this network's file, under any of its names.
    /// - Returns: the path of the old file.
    package func writeInPlace(
        _ plan: ConversionPlan, note: ConversionNote, to path: String, layout: OutputLayout?
    ) throws -> String {
        let backup = try Backup(of: path)
        do {
            try writeAnywhere(plan, note: note, to: path, layout: layout, overwrite: true)
        } catch {
            backup.remove()
            throw error
        }
        return backup.path
    }
}

/// Results that would take the place of what they are computed from, under whatever name.
package struct OutputIsInput: Error, CustomStringConvertible {
    let output: String
    let input: String

    /// One line for people.
    package var description: String {
        "\(output): is the input \(input), which the results would overwrite; name another file"
    }

    /// Throws where a file is one of the inputs.
    package static func check(_ output: String, _ inputs: [String]) throws(OutputIsInput) {
        guard let file = identity(output) else { return }
        for input in inputs where identity(input) == file {
            throw OutputIsInput(output: output, input: input)
        }
    }

    /// Whether both are one file, however they are called.
    package static func areOne(_ first: String, _ second: String) -> Bool {
        first == second || identity(first).map { $0 == identity(second) } ?? false
    }

    /// What tells a file from others, however it is called.
    private static func identity(_ path: String) -> [UInt64]? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return [UInt64(truncatingIfNeeded: status.st_dev), UInt64(status.st_ino)]
    }
}
