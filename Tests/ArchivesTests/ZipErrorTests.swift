import Testing

@testable import Archives

/// One archive per defect, each made of a good one by changing a few bytes.
@Suite struct ZipErrorTests {
    @Test("A directory that does not end where the end record begins is refused")
    func damagedDirectory() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 308, with: [0xA1])) {
            .damagedDirectory(file: $0, found: "161 bytes at 134", expected: "an end at 296")
        }
    }

    @Test("An entry without its signature is refused")
    func noEntry() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 185, with: [0])) {
            .damagedDirectory(file: $0, found: "no entry at byte 51", expected: "one")
        }
    }

    @Test("An entry that is longer than the directory is refused")
    func longEntry() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 238 + 32, with: [1])) {
            .damagedDirectory(file: $0, found: "an entry of 59 bytes", expected: "at most 58")
        }
    }

    @Test("Fewer entries than the directory holds are refused")
    func hiddenEntry() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 304, with: [2, 0, 2, 0])) {
            .damagedDirectory(file: $0, found: "58 bytes after the last entry", expected: "none")
        }
    }

    @Test("A size of all ones without its 64-bit value is refused")
    func noWideSize() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 154, with: [255, 255, 255, 255])) {
            .damagedDirectory(file: $0, found: "'a.txt' without its 64-bit sizes", expected: "a zip64 field")
        }
    }

    @Test("A locator that leads nowhere is refused")
    func lostZip64Record() throws {
        try Samples.expectFailure(Samples.zip64.replacing(at: 186, with: [0])) {
            .damagedDirectory(file: $0, found: "no zip64 record", expected: "one at 186")
        }
        try Samples.expectFailure(Samples.zip64.replacing(at: 250, with: [0xFF, 0xFF])) {
            .damagedDirectory(file: $0, found: "a zip64 record at 65535", expected: "one before 262")
        }
    }

    @Test("One part of several is refused", arguments: [300, 302])
    func spansDisks(offset: Int) throws {
        try Samples.expectFailure(Samples.plain.replacing(at: offset, with: [1])) { .spansDisks(file: $0) }
    }

    @Test("More members than the limit are refused before the directory is read")
    func tooManyMembers() throws {
        let count: [UInt8] = [0xA1, 0x86, 1, 0, 0, 0, 0, 0]
        try Samples.expectFailure(Samples.zip64.replacing(at: 186 + 24, with: count + count)) {
            .tooManyMembers(file: $0, found: 100_001, limit: 100_000)
        }
    }

    @Test(
        "Names that leave their folder, or are no text, are refused",
        arguments: ["/.txt", "../xt", "a/../", "a\\txt", "a//xt", "./txt", "a\u{0}txt", "a\ntxt"])
    func unsafeName(name: String) throws {
        let bytes = Array(name.utf8)
        let archive = Samples.plain.replacing(at: 30, with: bytes).replacing(at: 180, with: bytes)
        let found = String(decoding: archive[180..<185], as: UTF8.self)
        try Samples.expectFailure(archive) { .unsafeName(file: $0, name: found) }
    }

    @Test("A name that is not UTF-8 is refused")
    func undecodableName() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 180, with: [0xFF])) {
            .unsafeName(file: $0, name: "\u{FFFD}.txt")
        }
    }

    @Test("Two entries of one name are refused")
    func duplicateName() throws {
        let archive = Samples.zip64Local
        let entry = Array(archive[66..<117])
        var twice = Array(archive[..<66]) + entry + entry + Array(archive[117...])
        twice = twice.replacing(at: 66 + 102 + 8, with: [2, 0, 2, 0, 102])
        try Samples.expectFailure(twice) { .duplicateName(file: $0, name: "a.txt") }
    }

    @Test("Encrypted members are refused", arguments: [[1, 0], [0x40, 0], [0, 0x20]] as [[UInt8]])
    func encrypted(flags: [UInt8]) throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 142, with: flags)) {
            .encrypted(file: $0, member: "a.txt")
        }
    }

    @Test("Methods other than stored and deflate are refused")
    func unsupportedMethod() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 8, with: [12]).replacing(at: 144, with: [12])) {
            .unsupportedMethod(file: $0, member: "a.txt", found: 12)
        }
    }

    @Test("A member's header that contradicts the directory is refused")
    func headerMismatch() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 0, with: [0])) {
            .headerMismatch(file: $0, member: "a.txt", found: "no signature", expected: "one")
        }
        try Samples.expectFailure(Samples.plain.replacing(at: 30, with: Array("b".utf8))) {
            .headerMismatch(file: $0, member: "a.txt", found: "the name \"b.txt\"", expected: "'a.txt'")
        }
        try Samples.expectFailure(Samples.plain.replacing(at: 8, with: [8])) {
            .headerMismatch(file: $0, member: "a.txt", found: "method 8", expected: "method 0")
        }
    }

    @Test("A member that begins past the end of the file is refused")
    func beyondTheFile() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 176, with: [0, 0, 1])) {
            .truncated(file: $0, offset: 65536, expected: 30)
        }
    }

    @Test("A member that runs into the next one is refused")
    func overlappingMembers() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 154, with: [7, 0, 0, 0, 7])) {
            .overlapping(file: $0, member: "folder/", with: "'a.txt'")
        }
    }

    @Test("A member that runs into the directory is refused")
    func overlappingDirectory() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 258, with: [15])) {
            .overlapping(file: $0, member: "folder/b.txt", with: "the directory")
        }
    }

    @Test("A member may inflate to 100 times its stored bytes and 16 MiB")
    func expandsTooMuch() throws {
        let size = 14 * 100 + (16 << 20) + 1
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
        try Samples.expectFailure(Samples.plain.replacing(at: 262, with: bytes)) {
            .expandsTooMuch(file: $0, member: "folder/b.txt", found: size, limit: size - 1)
        }
    }

    @Test("Damaged deflate data are refused")
    func damagedStream() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 120, with: [0xFF])) {
            .damagedStream(file: $0, member: "folder/b.txt")
        }
    }

    @Test("A deflate stream that is cut off is refused")
    func cutStream() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 258, with: [10])) {
            .damagedStream(file: $0, member: "folder/b.txt")
        }
    }

    @Test("Sizes other than the directory's are refused")
    func wrongSize() throws {
        try Samples.expectFailure(Samples.plain.replacing(at: 158, with: [5])) {
            .wrongSize(file: $0, member: "a.txt", found: 6, expected: 5)
        }
        try Samples.expectFailure(Samples.plain.replacing(at: 262, with: [179])) {
            .wrongSize(file: $0, member: "folder/b.txt", found: 180, expected: 179)
        }
        try Samples.expectFailure(Samples.plain.replacing(at: 262, with: [181])) {
            .wrongSize(file: $0, member: "folder/b.txt", found: 180, expected: 181)
        }
    }

    @Test("Bytes that are not those that were stored are refused")
    func wrongChecksum() throws {
        // zlib.crc32(b"Stored") = 0x51effc3d
        try Samples.expectFailure(Samples.plain.replacing(at: 35, with: Array("S".utf8))) {
            .wrongChecksum(file: $0, member: "a.txt", found: 0x51effc3d, expected: 0x5643_F90B)
        }
    }

    @Test("An array that is not in the archive is named")
    func missingMember() throws {
        try Samples.open(Samples.plain) { archive in
            #expect(throws: ArchiveError.missingMember(file: archive.path, member: "x.npy")) {
                try archive.array(named: "x")
            }
        }
    }
}
