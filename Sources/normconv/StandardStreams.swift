import Foundation
import Synchronization

/// `-` in the place of a file: standard input or output. Networks are read and written at any position, so both pass through
/// temporary files.
enum StandardStreams {
    /// What stands for them on the command line.
    static let name = "-"

    /// The path of what was read from standard input.
    private static let inputPath = Mutex<String?>(nil)

    /// A message in which standard input has its name instead of that path.
    static func naming(_ message: String) -> String {
        guard let path = inputPath.withLock(\.self), message.contains(path) else { return message }
        // Not in /dev/fd/63.
        let parts = message.split(separator: path, omittingEmptySubsequences: false)
        return parts.dropFirst().reduce(String(parts[0])) { text, rest in
            text + (rest.first?.isNumber == true ? path : "standard input") + rest
        }
    }

    private static let signature = Data([0x89, 0x48, 0x44, 0x46])

    /// Copies standard input into a file without a name. Returns a path that opens it while the program runs.
    static func readInput() throws -> String {
        guard isatty(STDIN_FILENO) == 0 else {
            throw StreamFailure(stream: "standard input", found: "a terminal", expected: "a network's file")
        }
        var path = Array("\(FileManager.default.temporaryDirectory.path)/normconv-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        guard descriptor >= 0 else {
            throw StreamFailure(
                stream: "standard input", found: String(cString: strerror(errno)),
                expected: "room for a temporary file in \(FileManager.default.temporaryDirectory.path)")
        }
        unlink(path)
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        try copy(from: FileHandle.standardInput, to: file)
        try file.seek(toOffset: 0)
        // libhdf5 opens no file without a name.
        guard try file.read(upToCount: signature.count) != signature else {
            throw StreamFailure(
                stream: "standard input", found: "an HDF5 file",
                expected: "safetensors or another layout without HDF5; name the file instead")
        }
        let opened = "/dev/fd/\(descriptor)"
        inputPath.withLock { $0 = opened }
        return opened
    }

    fileprivate static func copy(from source: FileHandle, to target: FileHandle) throws {
        while let part = try source.read(upToCount: 1 << 20), !part.isEmpty {
            try target.write(contentsOf: part)
        }
    }
}

/// A network on its way to standard output.
struct StreamedNetwork {
    private let folder: URL

    /// Where it is written first.
    var path: String { folder.appendingPathComponent("network").path }

    init() throws {
        guard isatty(STDOUT_FILENO) == 0 else {
            throw StreamFailure(stream: "standard output", found: "a terminal", expected: "a file or a pipe")
        }
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "normconv-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// Copies it to standard output.
    func send() throws {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        do { try StandardStreams.copy(from: file, to: .standardOutput) } catch {
            throw CannotPrint(reason: String(cString: strerror(errno)))
        }
    }

    /// Deletes the temporary file.
    func remove() { try? FileManager.default.removeItem(at: folder) }
}

/// A stream that cannot stand for a file.
struct StreamFailure: Error, CustomStringConvertible {
    let stream: String
    let found: String
    let expected: String

    var description: String { "\(stream): found \(found), expected \(expected)" }
}
