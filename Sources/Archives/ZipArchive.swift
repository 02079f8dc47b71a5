import Synchronization

/// A zip archive open for reading. The whole directory and every member's header are checked before any member is
/// shown; contents are checked when they are read.
///
/// Follows PKWARE's APPNOTE 6.3.10 as far as numpy, Keras and PyTorch use it: stored and deflated members, zip64,
/// data descriptors. Refused: encryption, several disks, members that overlap, unsafe names.
package struct ZipArchive: Sendable {
    /// Limits for untrusted archives.
    package enum Limits {
        /// Members in an archive.
        package static let members = 100_000
        /// Bytes of the directory.
        package static let directory = 64 << 20
        /// How many times its stored bytes a member may inflate to, beyond `allowance`.
        package static let expansion = 100
        /// Bytes that any member may inflate to: sorted labels deflate a thousandfold.
        package static let allowance = 16 << 20
        /// Bytes of the inflated member that is kept for reading other parts of it.
        static let kept = 256 << 20
    }

    /// A file in the archive.
    package struct Member: Sendable, Equatable {
        /// The path in the archive: relative, with `/` between folders.
        package let name: String
        /// Bytes once inflated.
        package let size: Int
        /// Bytes in the archive.
        package let storedSize: Int
        let method: Method
        let crc: UInt32
        let offset: Int
    }

    /// How a member's bytes are stored.
    enum Method: UInt16, Sendable {
        case stored = 0
        case deflated = 8
    }

    /// The archive's path, as errors name it.
    package let path: String
    /// All files, in directory order; entries for folders are left out.
    package let members: [Member]
    private let file: RandomAccessFile
    private let index: [String: Int]
    private let checked = CheckedNames()
    private let inflated = InflatedMember()

    /// Opens an archive and checks its structure.
    package init(path: String) throws(ArchiveError) {
        file = try RandomAccessFile(path: path)
        self.path = path
        let members = try ZipDirectory(file).members()
        self.members = members
        index = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.name, $0) })
    }

    /// The member of that name, if there is one.
    package subscript(_ name: String) -> Member? { index[name].map { members[$0] } }

    /// A member's bytes, inflated; their number and CRC-32 are checked.
    package func read(_ member: Member) throws(ArchiveError) -> [UInt8] {
        let bytes =
            switch member.method {
            case .stored: try file.read(at: member.offset, count: member.size)
            case .deflated: try inflate(member)
            }
        let found = bytes.withUnsafeBytes { checksum($0) }
        guard found == member.crc else {
            throw .wrongChecksum(file: path, member: member.name, found: found, expected: member.crc)
        }
        return bytes
    }

    /// A range of a member's bytes. All of the member is read and checked first; only once where it is stored, or is the
    /// deflated one that was read last, as the file stays as it was when it was opened.
    package func read(_ member: Member, _ range: Range<Int>) throws(ArchiveError) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= member.size)
        if range.count < member.size, checked.contains(member.name) {
            return try file.read(at: member.offset + range.lowerBound, count: range.count)
        }
        if let bytes = inflated.bytes(range, of: member.name) { return bytes }
        let bytes = try read(member)
        if range == bytes.indices { return bytes }
        switch member.method {
        case .stored: checked.insert(member.name)
        case .deflated: if member.size <= Limits.kept { inflated.keep(bytes, of: member.name) }
        }
        return Array(bytes[range])
    }

    /// The first bytes of a member, at most `count`; fewer where they do not inflate. Nothing is checked.
    func start(of member: Member, count: Int) throws(ArchiveError) -> [UInt8] {
        let count = min(count, member.size)
        guard member.method == .deflated else { return try file.read(at: member.offset, count: count) }
        // Headers deflate at least a little: as many bytes and the blocks' own tables suffice.
        let input = try file.read(at: member.offset, count: min(member.storedSize, count + 4096))
        var output = [UInt8](repeating: 0, count: count)
        let made = input.withUnsafeBytes { source in
            output.withUnsafeMutableBytes { Inflater().step(source, into: $0).made }
        }
        return Array(output.prefix(made))
    }

    /// Inflates block by block, so that the stored bytes are never all in memory.
    private func inflate(_ member: Member) throws(ArchiveError) -> [UInt8] {
        let blockSize = 1 << 20
        let inflater = Inflater()
        // One byte more than declared, to detect a longer stream.
        var output = [UInt8](repeating: 0, count: member.size + 1)
        var input: [UInt8] = []
        var (read, used, made) = (0, 0, 0)
        while true {
            if used == input.count, read < member.storedSize {
                input = try file.read(
                    at: member.offset + read, count: min(blockSize, member.storedSize - read))
                (read, used) = (read + input.count, 0)
            }
            let step = input[used...].withUnsafeBytes { source in
                output.withUnsafeMutableBytes { target in
                    inflater.step(source, into: .init(rebasing: target[made...].prefix(1 << 30)))
                }
            }
            (used, made) = (used + step.taken, made + step.made)
            if step.status == .finished { break }
            // No progress: the stream wants bytes beyond the member, or the room for `size + 1` bytes is full.
            if step.status == .damaged || (step.taken == 0 && step.made == 0) {
                if made > member.size { break }
                throw .damagedStream(file: path, member: member.name)
            }
        }
        guard made == member.size else {
            throw .wrongSize(file: path, member: member.name, found: made, expected: member.size)
        }
        // The stream ends where the member does.
        guard read == member.storedSize, used == input.count else {
            throw .damagedStream(file: path, member: member.name)
        }
        output.removeLast()
        return output
    }
}

/// Names of members whose bytes were checked.
private final class CheckedNames: Sendable {
    private let names = Mutex<Set<String>>([])

    func contains(_ name: String) -> Bool { names.withLock { $0.contains(name) } }

    func insert(_ name: String) { names.withLock { _ = $0.insert(name) } }
}

/// The bytes of the deflated member of which a part was read last.
private final class InflatedMember: Sendable {
    private let last = Mutex<(name: String, bytes: [UInt8])?>(nil)

    func bytes(_ range: Range<Int>, of name: String) -> [UInt8]? {
        last.withLock { last in last.flatMap { $0.name == name ? Array($0.bytes[range]) : nil } }
    }

    func keep(_ bytes: [UInt8], of name: String) { last.withLock { $0 = (name, bytes) } }
}
