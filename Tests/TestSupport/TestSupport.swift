import Archives
import Foundation

/// Where test files stand, found from this source file's own path.
package enum TestFiles {
    /// The repository's root folder.
    package static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A committed fixture.
    package static func fixture(_ name: String) -> String {
        root.appendingPathComponent("Fixtures/\(name)").path
    }

    /// Unpacks a network of `named-networks.zip` for as long as `body` runs, which gets its path.
    package static func withNamedNetwork<Result>(
        _ name: String, _ body: (String) throws -> Result
    ) throws -> Result {
        try withMember(name, of: "named-networks.zip", body)
    }

    /// Unpacks a file of `families.zip` for as long as `body` runs, which gets its path.
    package static func withFamily<Result>(
        _ name: String, _ body: (String) throws -> Result
    ) throws -> Result {
        try withMember(name, of: "families.zip", body)
    }

    /// Unpacks a file of `modules.zip` for as long as `body` runs, which gets its path.
    package static func withModules<Result>(
        _ name: String, _ body: (String) throws -> Result
    ) throws -> Result {
        try withMember(name, of: "modules.zip", body)
    }

    /// Unpacks a file of `layouts.zip` for as long as `body` runs, which gets its path.
    package static func withLayout<Result>(
        _ name: String, _ body: (String) throws -> Result
    ) throws -> Result {
        try withMember(name, of: "layouts.zip", body)
    }

    /// Unpacks a file of `keras-layers.zip` for as long as `body` runs, which gets its path.
    package static func withKerasLayers<Result>(
        _ name: String, _ body: (String) throws -> Result
    ) throws -> Result {
        try withMember(name, of: "keras-layers.zip", body)
    }

    /// Unpacks a file of `dimensions.zip` for as long as `body` runs, which gets its path.
    package static func withDimensions<Result>(
        _ name: String, _ body: (String) throws -> Result
    ) throws -> Result {
        try withMember(name, of: "dimensions.zip", body)
    }

    private static func withMember<Result>(
        _ name: String, of archive: String, _ body: (String) throws -> Result
    ) throws -> Result {
        let archive = try ZipArchive(path: fixture(archive))
        return try withTemporaryFolder { folder in
            guard let member = archive[name] else {
                throw ArchiveError.missingMember(file: archive.path, member: name)
            }
            try Data(archive.read(member)).write(to: URL(fileURLWithPath: folder + "/" + name))
            return try body(folder + "/" + name)
        }
    }

    /// The folder of real pretrained networks beside the repository (`../shared/pretrained`), or where
    /// `NORMCONV_PRETRAINED` points; nil where there is none, and tests that need it are skipped.
    package static let pretrained: String? = {
        let environment = ProcessInfo.processInfo.environment["NORMCONV_PRETRAINED"]
        let folder =
            environment
            ?? root.deletingLastPathComponent().appendingPathComponent("shared/pretrained").path
        return FileManager.default.fileExists(atPath: folder) ? folder : nil
    }()

    /// The same for a body that is waited for.
    package static func withTemporaryFolder<Result>(
        _ body: (String) async throws -> Result
    ) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("normconv-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await body(folder)
    }

    /// A path for a file that a test makes, in a new folder that `body` leaves empty-handed afterwards.
    package static func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("normconv-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(folder)
    }
}
