import Checkpoints
import Foundation

/// A folder that several networks are converted into, each under the name of its input.
package struct OutputFolder: Sendable {
    /// The folder.
    package let path: String
    private let layout: LayoutChoice
    private let overwriting: Bool

    /// A folder, which need not exist yet; `overwriting` is for the files in it.
    package init(_ path: String, layout: LayoutChoice, overwriting: Bool) {
        (self.path, self.layout, self.overwriting) = (path, layout, overwriting)
    }

    /// Where each input goes, in their order. Names change only where a chosen layout has another ending.
    ///
    /// Throws `OutputFolderError`, and `OutputIsInput` where an output would replace one of the inputs: before any
    /// parameter is read and anything is written. Shards count among both.
    package func outputs(for inputs: [String]) throws -> [ConversionOutput] {
        guard !path.isEmpty else { throw OutputFolderError.noName }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
            throw OutputFolderError.notFolder(path: path)
        }
        let networks = inputs.map(NetworkFiles.init)
        let read = networks.flatMap(\.all)
        var inputOf: [String: String] = [:]
        return try zip(inputs, networks).map { input, network in
            let output = (path.hasSuffix("/") ? path : path + "/") + name(of: network)
            for file in keepsShards ? network.outputs(at: output) : [output] {
                if let other = inputOf.updateValue(input, forKey: file) {
                    throw OutputFolderError.sameName(path: file, found: [other, input])
                }
                try OutputIsInput.check(file, read)
            }
            return ConversionOutput(output, layout: layout, replaces: overwriting ? .another : .nothing)
        }
    }

    /// A chosen layout puts all shards into one file.
    private var keepsShards: Bool {
        if case .layout = layout { false } else { true }
    }

    /// Throws `ShardError` where an input is a folder without one index of shards: its output has no name then.
    package static func check(_ input: String) throws {
        let file = try ShardIndex.find(input)
        var status = stat()
        guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
        throw ShardError.noIndex(path: input)
    }

    private func name(of network: NetworkFiles) -> String {
        let name = network.path.split(separator: "/").last.map(String.init) ?? network.path
        guard case .layout(let layout) = layout else { return name }
        return OutputName(name).named(for: layout)
    }

    /// Creates the folder, and those above it, where they do not exist. Throws `OutputFolderError.cannotCreate`.
    package func create() throws(OutputFolderError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            let cause = (error as? CocoaError)?.underlying as? POSIXError
            throw .cannotCreate(path: path, reason: String(cString: strerror(cause?.code.rawValue ?? errno)))
        }
    }
}

/// Why several networks are not converted into a folder.
package enum OutputFolderError: Error, Equatable, CustomStringConvertible {
    /// An empty path, for example of a variable that is not set.
    case noName
    /// Something else than a folder.
    case notFolder(path: String)
    /// The system could not create the folder.
    case cannotCreate(path: String, reason: String)
    /// Two inputs with one output.
    case sameName(path: String, found: [String])

    /// The message in one line.
    package var description: String {
        switch self {
        case .noName: "'': the folder has no name, expected one after --output-dir"
        case .notFolder(let path): "\(path): is a file, expected a folder; name another one with --output-dir"
        case .cannotCreate(let path, let reason): "\(path): cannot be created: \(reason)"
        case .sameName(let path, let found):
            "\(path): the output of two inputs (\(found.map { "'\($0)'" }.joined(separator: " and "))), expected one; "
                + "nothing written. Convert one of them into another folder"
        }
    }
}
