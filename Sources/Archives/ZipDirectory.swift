/// Reads and checks a zip archive's directory. Section numbers are those of APPNOTE 6.3.10.
struct ZipDirectory {
    private let file: RandomAccessFile
    /// The start and the end of the directory.
    private let range: Range<Int>
    /// How many entries it announces.
    private let count: Int

    init(_ file: RandomAccessFile) throws(ArchiveError) {
        self.file = file
        let end = try Self.findEnd(file)
        let tail = try file.read(at: end, count: 22)
        var limit = end
        var count = UInt64(tail.integer(at: 10, as: UInt16.self))
        var size = UInt64(tail.integer(at: 12, as: UInt32.self))
        var offset = UInt64(tail.integer(at: 16, as: UInt32.self))
        var disks = Set([4, 6].map { UInt32(tail.integer(at: $0, as: UInt16.self)) })
        var countHere = UInt64(tail.integer(at: 8, as: UInt16.self))

        // 4.3.14, 4.3.15: the zip64 record, found through its locator right before the end record.
        if let start = try Self.findZip64(file, end: end) {
            let record = try file.read(at: start, count: 56)
            guard record.integer(at: 0, as: UInt32.self) == 0x0606_4b50 else {
                throw .damagedDirectory(
                    file: file.path, found: "no zip64 record", expected: "one at \(start)")
            }
            limit = start
            disks = Set([16, 20].map { record.integer(at: $0, as: UInt32.self) })
            countHere = record.integer(at: 24)
            count = record.integer(at: 32)
            size = record.integer(at: 40)
            offset = record.integer(at: 48)
        }
        guard disks == [0], countHere == count else { throw .spansDisks(file: file.path) }
        guard count <= UInt64(ZipArchive.Limits.members) else {
            throw .tooManyMembers(file: file.path, found: count, limit: ZipArchive.Limits.members)
        }
        let (stop, overflow) = offset.addingReportingOverflow(size)
        guard !overflow, stop == UInt64(limit), size <= UInt64(ZipArchive.Limits.directory) else {
            throw .damagedDirectory(
                file: file.path, found: "\(size) bytes at \(offset)", expected: "an end at \(limit)")
        }
        self.range = Int(offset)..<limit
        self.count = Int(count)
    }

    /// 4.3.16: the end record is the last thing in the file but for a comment, whose length it tells.
    private static func findEnd(_ file: RandomAccessFile) throws(ArchiveError) -> Int {
        let window = min(file.size, 22 + Int(UInt16.max))
        let bytes = try file.read(at: file.size - window, count: window)
        var start = window - 22
        while start >= 0 {
            if bytes.integer(at: start, as: UInt32.self) == 0x0605_4b50,
                Int(bytes.integer(at: start + 20, as: UInt16.self)) == window - start - 22
            {
                return file.size - window + start
            }
            start -= 1
        }
        throw .notZip(file: file.path)
    }

    /// The offset of the zip64 record, if the archive has one.
    private static func findZip64(_ file: RandomAccessFile, end: Int) throws(ArchiveError) -> Int? {
        guard end >= 20 else { return nil }
        let locator = try file.read(at: end - 20, count: 20)
        guard locator.integer(at: 0, as: UInt32.self) == 0x0706_4b50 else { return nil }
        guard locator.integer(at: 4, as: UInt32.self) == 0, locator.integer(at: 16, as: UInt32.self) <= 1
        else {
            throw .spansDisks(file: file.path)
        }
        let start = locator.integer(at: 8, as: UInt64.self)
        guard start < UInt64(end) else {
            throw .damagedDirectory(
                file: file.path, found: "a zip64 record at \(start)", expected: "one before \(end)")
        }
        return Int(start)
    }

    /// All files of the archive, checked against their own headers and each other.
    func members() throws(ArchiveError) -> [ZipArchive.Member] {
        let bytes = try file.read(at: range.lowerBound, count: range.count)
        var entries: [ZipEntry] = []
        var position = 0
        for _ in 0..<count {
            let entry = try ZipEntry(bytes, at: position, file: file.path)
            position += entry.length
            entries.append(entry)
        }
        guard position == bytes.count else {
            throw .damagedDirectory(
                file: file.path, found: "\(bytes.count - position) bytes after the last entry",
                expected: "none")
        }
        var members: [ZipArchive.Member] = []
        var extents: [(range: Range<Int>, name: String)] = []
        var names: Set<String> = []
        for entry in entries {
            guard names.insert(entry.name).inserted else {
                throw .duplicateName(file: file.path, name: entry.name)
            }
            let start = try entry.dataOffset(in: file)
            extents.append((entry.headerOffset..<start + entry.storedSize, entry.name))
            if !entry.isFolder { members.append(try entry.member(at: start, file: file.path)) }
        }
        try checkDisjoint(extents)
        return members
    }

    /// Members that share bytes are how small archives inflate without bound.
    private func checkDisjoint(_ extents: [(range: Range<Int>, name: String)]) throws(ArchiveError) {
        var previous: (range: Range<Int>, name: String)?
        for extent in extents.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            if let previous, previous.range.upperBound > extent.range.lowerBound {
                throw .overlapping(file: file.path, member: extent.name, with: "'\(previous.name)'")
            }
            guard extent.range.upperBound <= range.lowerBound else {
                throw .overlapping(file: file.path, member: extent.name, with: "the directory")
            }
            previous = extent
        }
    }
}
