/// What became of several networks, for `--json`.
package struct FolderReport: Codable, Sendable {
    /// The format version of this report.
    package var schemaVersion = 1
    /// The folder of the outputs.
    package var folder: String
    /// How many networks were converted.
    package var converted = 0
    /// How many were not.
    package var failed = 0
    /// The networks in the order they were given.
    package private(set) var files: [File] = []

    /// A network: `report` or `error`.
    package struct File: Codable, Sendable {
        /// The path as it was given.
        package var input: String
        /// What was done.
        package var report: ConvertReport?
        /// Why it was not converted.
        package var error: String?
    }

    /// A report of no networks yet.
    package init(folder: String) { self.folder = folder }

    /// Adds a network.
    package mutating func add(_ input: String, _ report: ConvertReport) {
        converted += 1
        files.append(File(input: input, report: report))
    }

    /// Adds a network that was not converted.
    package mutating func add(_ input: String, error: String) {
        failed += 1
        files.append(File(input: input, error: error))
    }
}
