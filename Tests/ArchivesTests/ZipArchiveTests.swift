import Foundation
import Testing

@testable import Archives

@Suite struct ZipArchiveTests {
    @Test("Stored and deflated members read as Python wrote them; folders are no members")
    func readsMembers() throws {
        try Samples.open(Samples.plain) { archive in
            #expect(archive.members.map(\.name) == ["a.txt", "folder/b.txt"])
            let stored = try #require(archive["a.txt"])
            let deflated = try #require(archive["folder/b.txt"])
            #expect(try archive.read(stored) == Array("stored".utf8))
            #expect(try archive.read(deflated) == Array(String(repeating: "deflated ", count: 20).utf8))
            #expect((deflated.size, deflated.storedSize) == (180, 14))
            #expect(archive["b.txt"] == nil)
        }
    }

    @Test("A range of a member is the same bytes at every read, and none is read of a damaged member")
    func readsRanges() throws {
        try Samples.open(Samples.plain) { archive in
            for member in archive.members {
                let bytes = try archive.read(member)
                for range in [2..<5, 0..<member.size, 1..<3, 6..<6] {
                    #expect(try archive.read(member, range) == Array(bytes[range]))
                }
            }
        }
        try Samples.open(Samples.plain.replacing(at: 35, with: Array("S".utf8))) { archive in
            let member = try #require(archive["a.txt"])
            for _ in 0..<2 { #expect(throws: ArchiveError.self) { try archive.read(member, 2..<5) } }
        }
    }

    @Test("a deflated member is inflated once for all of its parts")
    func inflatesOnce() throws {
        try Samples.open(Samples.plain) { archive in
            let member = try #require(archive["folder/b.txt"])
            let bytes = try archive.read(member)
            #expect(try archive.read(member, 2..<5) == Array(bytes[2..<5]))
            let file = try #require(FileHandle(forUpdatingAtPath: archive.path))
            try file.seek(toOffset: UInt64(member.offset))
            try file.write(contentsOf: Data(repeating: 0, count: member.storedSize))
            try file.close()
            #expect(try archive.read(member, 7..<90) == Array(bytes[7..<90]))
            #expect(throws: ArchiveError.self) { try archive.read(member) }
        }
    }

    @Test("64-bit sizes, in local headers and in the directory, and sizes after the data are read")
    func readsVariants() throws {
        let variants = [
            (Samples.zip64Local, "zip64 "), (Samples.zip64, "zip64 "), (Samples.streamed, "descriptor "),
        ]
        for (bytes, word) in variants {
            try Samples.open(bytes) { archive in
                let member = try #require(archive["a.txt"])
                #expect(try archive.read(member) == Array(String(repeating: word, count: 10).utf8))
            }
        }
    }

    @Test("An archive comment stands after the end record, even one that looks like the record's signature")
    func readsComment() throws {
        let comment: [UInt8] = [0x50, 0x4B, 5, 6] + Array("a comment that is longer than a record".utf8)
        let bytes = Samples.plain.replacing(at: 316, with: [UInt8(comment.count), 0]) + comment
        try Samples.open(bytes) { #expect($0.members.count == 2) }
    }

    @Test("An archive without members is an archive")
    func readsEmpty() throws {
        try Samples.open([0x50, 0x4B, 5, 6] + [UInt8](repeating: 0, count: 18)) {
            #expect($0.members.isEmpty)
        }
    }

    @Test("A file that is not there is named, and so is a folder")
    func refusesWhatIsNoFile() {
        #expect(throws: ArchiveError.unreadable(file: "/no/such.zip", reason: "No such file or directory")) {
            try ZipArchive(path: "/no/such.zip")
        }
        #expect(throws: ArchiveError.unreadable(file: "/", reason: "not a regular file")) {
            try ZipArchive(path: "/")
        }
    }

    @Test("Every proper beginning of an archive is refused")
    func refusesTruncation() throws {
        for count in 0..<Samples.plain.count {
            try Samples.expectFailure(Array(Samples.plain.prefix(count))) { .notZip(file: $0) }
        }
    }

    @Test("No change of one byte traps, and none changes what is read without an error")
    func survivesFlips() throws {
        for original in [Samples.plain, Samples.zip64, Samples.zip64Local, Samples.streamed] {
            let truth = try contents(original)
            for offset in original.indices {
                let changed = original.replacing(at: offset, with: [~original[offset]])
                if let found = try? contents(changed) { #expect(found.allSatisfy(truth.contains)) }
            }
        }
    }

    private func contents(_ bytes: [UInt8]) throws -> [[UInt8]] {
        var contents: [[UInt8]] = []
        try Samples.open(bytes) { archive in contents = try archive.members.map { try archive.read($0) } }
        return contents
    }
}
