/// One entry of a zip directory (APPNOTE 4.3.12), with its name checked.
struct ZipEntry {
    let name: String
    let storedSize: Int
    let headerOffset: Int
    /// Bytes the entry takes in the directory.
    let length: Int
    /// A name that ends in `/` stands for a folder.
    let isFolder: Bool
    private let size: Int
    private let crc: UInt32
    private let flags: UInt16
    private let method: UInt16
    private let nameBytes: ArraySlice<UInt8>

    init(_ directory: [UInt8], at start: Int, file: String) throws(ArchiveError) {
        guard directory.count - start >= 46, directory.integer(at: start, as: UInt32.self) == 0x0201_4b50
        else {
            throw .damagedDirectory(file: file, found: "no entry at byte \(start)", expected: "one")
        }
        let field = { (offset: Int) in Int(directory.integer(at: start + offset, as: UInt16.self)) }
        let (nameLength, extraLength, commentLength) = (field(28), field(30), field(32))
        length = 46 + nameLength + extraLength + commentLength
        guard length <= directory.count - start else {
            throw .damagedDirectory(
                file: file, found: "an entry of \(length) bytes",
                expected: "at most \(directory.count - start)")
        }
        guard field(34) == 0 || field(34) == 0xffff else { throw .spansDisks(file: file) }
        nameBytes = directory[start + 46..<start + 46 + nameLength]
        name = try Self.checkedName(nameBytes, file: file)
        isFolder = name.hasSuffix("/")
        flags = directory.integer(at: start + 8)
        method = directory.integer(at: start + 10)
        crc = directory.integer(at: start + 16)

        let extra = Array(directory[start + 46 + nameLength..<start + 46 + nameLength + extraLength])
        let narrow = [24, 20, 42].map { directory.integer(at: start + $0, as: UInt32.self) }
        let wide = try Self.widen(narrow, extra: extra, file: file, name: name)
        (size, storedSize, headerOffset) = (wide[0], wide[1], wide[2])
    }

    /// Names are relative UTF-8 paths: no empty, `.` or `..` parts, no backslash, no control characters.
    private static func checkedName(_ bytes: ArraySlice<UInt8>, file: String) throws(ArchiveError) -> String {
        // Decoding replaces what is not UTF-8, which the comparison below notices.
        let name = String(decoding: bytes, as: UTF8.self)
        var parts = name.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count > 1, parts.last == "" { parts.removeLast() }
        let isSafe =
            name.utf8.elementsEqual(bytes) && parts.allSatisfy { !["", ".", ".."].contains($0) }
            && name.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 && $0 != "\\" }
        guard isSafe else { throw .unsafeName(file: file, name: name) }
        return name
    }

    /// 4.5.3: sizes and offset of all ones stand, in this order, as 64-bit values in the zip64 extra field.
    private static func widen(
        _ narrow: [UInt32], extra: [UInt8], file: String, name: String
    ) throws(ArchiveError) -> [Int] {
        var field: ArraySlice<UInt8> = []
        var position = 0
        while extra.count - position >= 4 {
            let end = position + 4 + Int(extra.integer(at: position + 2, as: UInt16.self))
            guard end <= extra.count else { break }
            if extra.integer(at: position, as: UInt16.self) == 1 { field = extra[position + 4..<end] }
            position = end
        }
        var values: [Int] = []
        for value in narrow {
            guard value == .max else {
                values.append(Int(value))
                continue
            }
            guard field.count >= 8,
                let wide = Int(exactly: Array(field.prefix(8)).integer(at: 0, as: UInt64.self))
            else {
                throw .damagedDirectory(
                    file: file, found: "'\(name)' without its 64-bit sizes", expected: "a zip64 field")
            }
            field = field.dropFirst(8)
            values.append(wide)
        }
        return values
    }

    /// 4.3.7: where the data stand, after the member's own header, which must agree with this entry.
    func dataOffset(in file: RandomAccessFile) throws(ArchiveError) -> Int {
        let header = try file.read(at: headerOffset, count: 30)
        guard header.integer(at: 0, as: UInt32.self) == 0x0403_4b50 else {
            throw .headerMismatch(file: file.path, member: name, found: "no signature", expected: "one")
        }
        let nameLength = Int(header.integer(at: 26, as: UInt16.self))
        let ownName = try file.read(at: headerOffset + 30, count: nameLength)
        guard ownName == Array(nameBytes) else {
            let found = "the name \(String(decoding: ownName, as: UTF8.self).debugDescription)"
            throw .headerMismatch(file: file.path, member: name, found: found, expected: "'\(name)'")
        }
        let ownMethod: UInt16 = header.integer(at: 8)
        guard ownMethod == method else {
            throw .headerMismatch(
                file: file.path, member: name, found: "method \(ownMethod)", expected: "method \(method)")
        }
        let start = headerOffset + 30 + nameLength + Int(header.integer(at: 28, as: UInt16.self))
        guard start <= file.size, storedSize <= file.size - start else {
            throw .truncated(file: file.path, offset: start, expected: storedSize)
        }
        return start
    }

    /// The member whose data stand at `offset`: not encrypted, a known method, a believable size.
    func member(at offset: Int, file: String) throws(ArchiveError) -> ZipArchive.Member {
        // Bit 0: encrypted; bit 6: strongly so; bit 13: the directory is too. Method 99 is AES.
        guard flags & 0x2041 == 0, self.method != 99 else { throw .encrypted(file: file, member: name) }
        guard let method = ZipArchive.Method(rawValue: method) else {
            throw .unsupportedMethod(file: file, member: name, found: Int(method))
        }
        if method == .stored, size != storedSize {
            throw .wrongSize(file: file, member: name, found: storedSize, expected: size)
        }
        // `storedSize` is at most the file's size, so that the product cannot overflow.
        let limit = storedSize * ZipArchive.Limits.expansion + ZipArchive.Limits.allowance
        guard size <= limit else {
            throw .expandsTooMuch(file: file, member: name, found: size, limit: limit)
        }
        return ZipArchive.Member(
            name: name, size: size, storedSize: storedSize, method: method, crc: crc, offset: offset)
    }
}
