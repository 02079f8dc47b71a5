import Datasets
import Foundation
import TestSupport

/// An npz file that a test makes byte by byte: arrays stored without compression.
struct NpzFile {
    private var entries: [(name: String, data: Data)] = []

    /// Adds an array: `descr` as numpy spells element types, little-endian elements in C order.
    func adding<Element>(_ name: String, _ descr: String, _ shape: [Int], _ elements: [Element]) -> NpzFile {
        let extents = shape.map { "\($0)," }.joined()
        var header = "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(extents)), }"
        header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
        var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0])
        data.append(little: UInt16(header.utf8.count))
        data.append(contentsOf: header.utf8)
        elements.withUnsafeBytes { data.append(contentsOf: $0) }
        var file = self
        file.entries.append((name + ".npy", data))
        return file
    }

    /// The archive: local headers with their data, then the directory and its end record.
    var archive: Data {
        var archive = Data()
        var directory = Data()
        for (name, data) in entries {
            var fields = Data()
            for field in [20, 0, 0, 0, 0x21] as [UInt16] { fields.append(little: field) }
            for field in [crc32(data), UInt32(data.count), UInt32(data.count)] {
                fields.append(little: field)
            }
            for field in [UInt16(name.utf8.count), 0] { fields.append(little: field) }
            directory.append(little: 0x0201_4B50 as UInt32)
            directory.append(little: 20 as UInt16)
            directory.append(fields)
            for field in [0, 0, 0, 0, 0] as [UInt16] { directory.append(little: field) }
            directory.append(little: UInt32(archive.count))
            directory.append(contentsOf: name.utf8)
            archive.append(little: 0x0403_4B50 as UInt32)
            archive.append(fields)
            archive.append(contentsOf: name.utf8)
            archive.append(data)
        }
        let start = UInt32(archive.count)
        archive.append(directory)
        archive.append(little: 0x0605_4B50 as UInt32)
        for field in [0, 0, UInt16(entries.count), UInt16(entries.count)] { archive.append(little: field) }
        for field in [UInt32(directory.count), start] { archive.append(little: field) }
        archive.append(little: 0 as UInt16)
        return archive
    }

    /// Writes the file, which is gone afterwards, and hands over its path.
    func withPath<Result>(_ body: (String) throws -> Result) throws -> Result {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/split.npz"
            try archive.write(to: URL(fileURLWithPath: path))
            return try body(path)
        }
    }
}

extension Data {
    fileprivate mutating func append(little value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// The checksum of zip: polynomial 0xEDB88320, bits reflected.
private func crc32(_ data: Data) -> UInt32 {
    ~data.reduce(~0) { crc, byte in
        (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1) * 0xEDB8_8320 }
    }
}
