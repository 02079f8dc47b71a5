import CZlib

/// A zip archive of stored members, written from its beginning to its end. The same members give the same bytes: all
/// of them are dated 1980-01-01.
///
/// Sections are those of PKWARE's APPNOTE 6.3.10. Archives that need zip64 are refused.
package struct ZipOutput {
    private let file: FileOutput
    private let name: String
    private var directory: [UInt8] = []
    private var count = 0

    /// Opens an archive for writing; errors name it `name`, which it will have in the end.
    package init(path: String, named name: String) throws(ArchiveError) {
        file = try FileOutput(path: path, named: name)
        self.name = name
    }

    /// Adds a member.
    package mutating func add(_ member: String, _ bytes: [UInt8]) throws(ArchiveError) {
        let (size, offset) = (UInt32(exactly: bytes.count), UInt32(exactly: file.count))
        guard let size, size < .max, let offset, offset < .max, count < Int(UInt16.max) else {
            throw .tooLarge(file: name, member: member)
        }
        let crc = bytes.withUnsafeBytes { checksum($0) }
        // 4.3.7 from "version needed" to "extra field length"; the directory's entry repeats it.
        // Bit 11: the name is UTF-8. Method 0: stored. Time 0 and date 0x21: midnight of 1980-01-01.
        var common = ByteBuffer()
        common.append(20, 0x800, 0, 0, 0x21, as: UInt16.self)
        common.append(crc, size, size, as: UInt32.self)
        common.append(UInt16(member.utf8.count), 0, as: UInt16.self)

        var header = ByteBuffer()
        header.append(0x0403_4b50, as: UInt32.self)
        try file.write(header.bytes + common.bytes + member.utf8)
        try file.write(bytes)

        var entry = ByteBuffer()  // 4.3.12
        entry.append(0x0201_4b50, as: UInt32.self)
        entry.append(20, as: UInt16.self)
        entry.bytes += common.bytes
        entry.append(0, 0, 0, as: UInt16.self)
        entry.append(0, offset, as: UInt32.self)
        directory += entry.bytes + member.utf8
        count += 1
    }

    /// Writes the directory and closes the file.
    package func close() throws(ArchiveError) {
        guard let offset = UInt32(exactly: file.count), offset < .max else {
            throw .tooLarge(file: name, member: "the directory")
        }
        var end = ByteBuffer()  // 4.3.16
        end.append(0x0605_4b50, as: UInt32.self)
        end.append(0, 0, UInt16(count), UInt16(count), as: UInt16.self)
        end.append(UInt32(directory.count), offset, as: UInt32.self)
        end.append(0, as: UInt16.self)
        try file.write(directory)
        try file.write(end.bytes)
        try file.close()
    }
}

/// Little-endian integers one after another.
private struct ByteBuffer {
    var bytes: [UInt8] = []

    mutating func append<Value: FixedWidthInteger>(_ values: Value..., as type: Value.Type) {
        for value in values { bytes += withUnsafeBytes(of: value.littleEndian, Array.init) }
    }
}
