import Foundation
import HDF5
import Tensors
import Testing

@testable import Checkpoints

extension Checkpoint {
    /// Writes the file anew with a short note, and opens the result.
    func rewritten(
        to path: String, edits: ParameterEdits = ParameterEdits(), modelConfig: String? = nil,
        overwrite: Bool = false
    ) throws -> any Checkpoint {
        try write(to: path, edits: edits, modelConfig: modelConfig, note: "{}", overwrite: overwrite)
        return try openCheckpoint(path)
    }
}

/// Expects that two groups hold the same: order, attributes, types, shapes and values, except children and
/// attributes named. Looked at through the HDF5 module alone.
func expectSame(_ old: Group, _ new: Group, except: Set<String> = []) throws {
    try expectSame(old.attributes, new.attributes, except: except)
    let names = try old.names().filter { !except.contains($0) }
    #expect(try new.names().filter { !except.contains($0) } == names)
    for name in names {
        switch (try old.child(name), try new.child(name)) {
        case (.group(let old), .group(let new)): try expectSame(old, new)
        case (.dataset(let old), .dataset(let new)):
            #expect(new.shape == old.shape, "\(old.location)")
            #expect(new.elementType == old.elementType, "\(old.location)")
            #expect(try bytes(old) == bytes(new), "\(old.location)")
            try expectSame(old.attributes, new.attributes)
        default: Issue.record("\(name) is a group in one file and a dataset in the other")
        }
    }
}

private func expectSame(_ old: Attributes, _ new: Attributes, except: Set<String> = []) throws {
    let names = try old.names().filter { !except.contains($0) }
    #expect(try new.names().filter { !except.contains($0) } == names)
    for name in names {
        let form = try old.stringForm(name)
        #expect(try new.stringForm(name) == form)
        if form == nil {
            #expect(try new.floats(name) == old.floats(name))
        } else {
            #expect(try new.strings(name) == old.strings(name))
        }
    }
}

private func bytes(_ dataset: Dataset) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: dataset.byteCount)
    try bytes.withUnsafeMutableBytes { try dataset.read(as: dataset.elementType, into: $0) }
    return bytes
}

/// All bytes of a file.
func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

/// Names in a folder, hidden ones too.
func list(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}
