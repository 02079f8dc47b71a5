import Foundation
import TestSupport

@testable import Datasets

/// An array for an npz file that a test makes.
struct MadeArray {
    let name: String
    let type: String
    let shape: [Int]
    let elements: [UInt8]

    init(_ name: String, _ type: String, _ shape: [Int], _ elements: [UInt8]) {
        (self.name, self.type, self.shape, self.elements) = (name, type, shape, elements)
    }

    /// uint8 elements that count up from 0.
    static func bytes(_ name: String, _ shape: [Int]) -> MadeArray {
        let count = shape.reduce(1, *)
        return MadeArray(name, "|u1", shape, (0..<count).map { UInt8(truncatingIfNeeded: $0) })
    }

    static func floats(_ name: String, _ shape: [Int], _ values: [Float]) -> MadeArray {
        MadeArray(name, "<f4", shape, values.flatMap { little(Int($0.bitPattern), 4) })
    }

    static func integers(_ name: String, _ shape: [Int], _ values: [Int]) -> MadeArray {
        MadeArray(name, "<i8", shape, values.flatMap { little($0, 8) })
    }

    /// The array as an npy file.
    var npy: [UInt8] {
        let extents = shape.map { "\($0)," }.joined(separator: " ")
        let header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(extents)), }\n"
        let magic = [0x93] + Array("NUMPY".utf8) + [1, 0]
        return magic + Self.little(header.utf8.count, 2) + Array(header.utf8) + elements
    }

    /// The lowest bytes of a number, least first.
    static func little(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}

/// A split in an npz file that a test makes.
enum MadeSplit {
    /// Writes the arrays as an npz file of a folder of its own and hands over its path.
    static func withFile(_ arrays: [MadeArray], _ body: (String) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/split.npz"
            try Data(npz(arrays)).write(to: URL(fileURLWithPath: path))
            try body(path)
        }
    }

    /// Opens the arrays as a split and hands it over.
    static func open(
        _ arrays: MadeArray..., layout: ImageLayout? = nil, scale: PixelScale = .bytes,
        requiresLabels: Bool = false, then body: (Split) throws -> Void
    ) throws {
        try withFile(arrays) { path in
            try body(Split(path: path, layout: layout, scale: scale, requiresLabels: requiresLabels))
        }
    }

    /// A zip archive of stored members (APPNOTE 6.3.10), as `numpy.savez` writes it.
    private static func npz(_ arrays: [MadeArray]) -> [UInt8] {
        let little = MadeArray.little
        var file: [UInt8] = []
        var directory: [UInt8] = []
        for array in arrays {
            let data = array.npy
            let name = Array((array.name + ".npy").utf8)
            let size = little(data.count, 4)
            // Version 2.0, no flags, stored, no date; CRC, both sizes; lengths of the name and extra field.
            var fields = little(20, 2) + little(0, 8)
            fields += little(crc32(data), 4) + size + size + little(name.count, 2) + little(0, 2)
            directory += [0x50, 0x4B, 1, 2] + little(20, 2) + fields
            directory += little(0, 8) + little(0, 2) + little(file.count, 4) + name
            file += [0x50, 0x4B, 3, 4] + fields + name + data
        }
        let count = little(arrays.count, 2)
        let end = [0x50, 0x4B, 5, 6] + little(0, 4) + count + count
        return file + directory + end + little(directory.count, 4) + little(file.count, 4) + little(0, 2)
    }

    private static func crc32(_ bytes: [UInt8]) -> Int {
        var crc: UInt32 = .max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
        }
        return Int(~crc)
    }
}
