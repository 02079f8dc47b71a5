import CZlib

/// A zip archive of stored members, written from its beginning to its end. The same members give the same bytes: all
/// of them are dated 1980-01-01.
///
/// Sections are those of PKWARE's APPNOTE 6.3.10. Sizes and offsets beyond 4 GiB, and more members than 65,534, stand in
/// zip64's fields.
package struct ZipOutput {
    private let file: FileOutput
    private let alignment: Int
    /// Sizes and offsets from here on need zip64.
    private let wideFrom: Int
    private var directory = ByteBuffer()
    private var count = 0

    /// Opens an archive for writing; errors name it `name`, which it will have in the end.
    ///
    /// The data of every member begin at a multiple of `alignment` bytes. `wideFrom` is lowered by tests: archives of
    /// 4 GiB are slow to write.
    package init(
        path: String, named name: String, alignment: Int = 1, wideFrom: Int = Int(UInt32.max)
    ) throws(ArchiveError) {
        file = try FileOutput(path: path, named: name)
        self.alignment = alignment
        self.wideFrom = wideFrom
    }

    /// Adds a member and returns its CRC-32.
    @discardableResult
    package mutating func add(_ member: String, _ bytes: [UInt8]) throws(ArchiveError) -> UInt32 {
        let crc = bytes.withUnsafeBytes { checksum($0) }
        let (size, offset) = (bytes.count, file.count)
        // 4.5.3: what does not fit 32 bits, in this order.
        let wide = (size: isWide(size) ? [size, size] : [], offset: isWide(offset) ? [offset] : [])
        // 4.3.7 from "version needed" to the name's length; the directory's entry repeats it.
        // Bit 11: the name is UTF-8. Method 0: stored. Time 0 and date 0x21: midnight of 1980-01-01.
        var common = ByteBuffer()
        common.append(version(isWide(size) || isWide(offset)), 0x800, 0, 0, 0x21, as: UInt16.self)
        common.append(crc, narrow(size), narrow(size), as: UInt32.self)
        common.append(UInt16(member.utf8.count), as: UInt16.self)

        var extra = zip64Field(wide.size)
        extra.bytes += padding(after: offset + 30 + member.utf8.count + extra.bytes.count)
        var header = ByteBuffer()
        header.append(0x0403_4b50, as: UInt32.self)
        header.bytes += common.bytes
        header.append(UInt16(extra.bytes.count), as: UInt16.self)
        try file.write(header.bytes + member.utf8 + extra.bytes)
        try file.write(bytes)

        extra = zip64Field(wide.size + wide.offset)  // 4.3.12
        directory.append(0x0201_4b50, as: UInt32.self)
        directory.append(version(isWide(size) || isWide(offset)), as: UInt16.self)
        directory.bytes += common.bytes
        directory.append(UInt16(extra.bytes.count), 0, 0, 0, as: UInt16.self)
        directory.append(0, narrow(offset), as: UInt32.self)
        directory.bytes += member.utf8 + extra.bytes
        count += 1
        return crc
    }

    /// Writes the directory and closes the file.
    package func close() throws(ArchiveError) {
        let (start, size) = (file.count, directory.bytes.count)
        try file.write(directory.bytes)
        let fits = UInt16(exactly: count).map { $0 < .max } ?? false
        if !fits || isWide(start) || isWide(size) { try writeZip64End(at: start, size: size) }
        let narrowCount = fits ? UInt16(count) : .max
        var end = ByteBuffer()  // 4.3.16
        end.append(0x0605_4b50, as: UInt32.self)
        end.append(0, 0, narrowCount, narrowCount, as: UInt16.self)
        end.append(narrow(size), narrow(start), as: UInt32.self)
        end.append(0, as: UInt16.self)
        try file.write(end.bytes)
        try file.close()
    }

    /// 4.3.14 and 4.3.15: the end record in 64 bits, and where it is.
    private func writeZip64End(at start: Int, size: Int) throws(ArchiveError) {
        let record = file.count
        var end = ByteBuffer()
        end.append(0x0606_4b50, as: UInt32.self)
        end.append(44, as: UInt64.self)
        end.append(version(true), version(true), as: UInt16.self)
        end.append(0, 0, as: UInt32.self)
        end.append(UInt64(count), UInt64(count), UInt64(size), UInt64(start), as: UInt64.self)
        end.append(0x0706_4b50, 0, as: UInt32.self)
        end.append(UInt64(record), as: UInt64.self)
        end.append(1, as: UInt32.self)
        try file.write(end.bytes)
    }

    private func isWide(_ value: Int) -> Bool { value >= wideFrom }

    /// The value in 32 bits, all ones where it stands in a zip64 field.
    private func narrow(_ value: Int) -> UInt32 { isWide(value) ? .max : UInt32(value) }

    /// 4.4.3: version 4.5 for zip64, otherwise 2.0.
    private func version(_ isWide: Bool) -> UInt16 { isWide ? 45 : 20 }

    /// 4.5.3; nothing where nothing is wide.
    private func zip64Field(_ values: [Int]) -> ByteBuffer {
        var field = ByteBuffer()
        guard !values.isEmpty else { return field }
        field.append(1, UInt16(values.count * 8), as: UInt16.self)
        for value in values { field.append(UInt64(value), as: UInt64.self) }
        return field
    }

    /// An extra field that ends at a multiple of the alignment: PyTorch's own, called `FB` and filled with `Z`.
    private func padding(after end: Int) -> [UInt8] {
        guard alignment > 1 else { return [] }
        let room = (alignment - (end + 4) % alignment) % alignment
        var field = ByteBuffer()
        field.append(0x4246, UInt16(room), as: UInt16.self)
        return field.bytes + [UInt8](repeating: UInt8(ascii: "Z"), count: room)
    }
}

/// Little-endian integers one after another.
private struct ByteBuffer {
    var bytes: [UInt8] = []

    mutating func append<Value: FixedWidthInteger>(_ values: Value..., as type: Value.Type) {
        for value in values { bytes += withUnsafeBytes(of: value.littleEndian, Array.init) }
    }
}
