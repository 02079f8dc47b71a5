import Foundation
import TestSupport
import Testing

@testable import HDF5

/// Datasets of strings in `texts.h5`, which h5py wrote.
@Suite struct TextDatasetTests {
    private let path = TestFiles.fixture("texts.h5")

    @Test(
        "Strings read as h5py reads them, of one size or of variable length, filled up with zeros or spaces, in chunks",
        arguments: ["fixed", "spaced", "variable", "chunked"])
    func strings(name: String) throws {
        let dataset = try #require(try HDF5File(reading: path).root.texts(name))
        #expect(dataset.shape == [6])
        #expect(try dataset.strings() == ["dog", "cat", "ünit", "cat", "dog", "eel"])
    }

    @Test("Numbers, truth values and groups are no strings", arguments: ["numbers", "booleans", "images"])
    func others(name: String) throws {
        #expect(try HDF5File(reading: path).root.texts(name) == nil)
    }

    /// The fixture with other bytes where the references of `variable` are: length, heap, object.
    private func withDamage(
        _ place: Int, _ bytes: [UInt8], _ body: (TextDataset, String) throws -> Void
    ) throws {
        let dataset = try #require(try HDF5File(reading: path).root.texts("variable"))
        let offset = try dataset.attributes.ints("offset")[0]
        var file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        file.replaceSubrange(offset + place..<offset + place + bytes.count, with: bytes)
        try TestFiles.withTemporaryFolder { folder in
            let damaged = folder + "/damaged.h5"
            try Data(file).write(to: URL(fileURLWithPath: damaged))
            try body(try #require(try HDF5File(reading: damaged).root.texts("variable")), damaged)
        }
    }

    @Test("A length that the heap does not have is refused before anything is copied", arguments: [2, 200])
    func wrongLength(length: UInt8) throws {
        try withDamage(0, [length]) { dataset, _ in
            let error = #expect(throws: HDF5Error.self) { try dataset.strings() }
            let message = "\(try #require(error))"
            #expect(message.contains(": /variable: string 0 refers to \(length) bytes in the heap"))
        }
    }

    @Test("Lengths beyond the limit are refused, and a heap that is not there")
    func otherDamage() throws {
        try withDamage(0, [0xFF, 0xFF, 0xFF, 0x7F]) { dataset, _ in
            let limit = HDF5Limits().allowance
            #expect(throws: HDF5Error.tooLarge(dataset.location, found: 0x7FFF_FFFF, limit: limit)) {
                try dataset.strings()
            }
        }
        try withDamage(16 + 4, [0xFF, 0xFF, 0xFF, 0x7F]) { dataset, _ in
            let error = #expect(throws: HDF5Error.self) { try dataset.strings() }
            let message = "\(try #require(error))"
            #expect(message.contains("string 1 refers to a heap at 2147483647 that is damaged"))
        }
    }
}
