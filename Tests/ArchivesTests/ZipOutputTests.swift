import Foundation
import TestSupport
import Testing

@testable import Archives

struct ZipOutputTests {
    @Test("what is written reads back, checksums and all, and the same members give the same bytes")
    func roundTrip() throws {
        let members = [("größe.json", [UInt8](0...255)), ("folder/empty", []), ("b", [1])]
        try TestFiles.withTemporaryFolder { folder throws in
            for name in ["/a.zip", "/b.zip"] {
                var output = try ZipOutput(path: folder + name, named: folder + name)
                for (name, bytes) in members { try output.add(name, bytes) }
                try output.close()
            }
            let archive = try ZipArchive(path: folder + "/a.zip")
            #expect(archive.members.map(\.name) == members.map(\.0))
            for (name, bytes) in members {
                #expect(try archive[name].map { try archive.read($0) } == bytes)
            }
            let files = try ["/a.zip", "/b.zip"].map {
                try Data(contentsOf: URL(fileURLWithPath: folder + $0))
            }
            #expect(files[0] == files[1])
        }
    }

    @Test("sizes and offsets beyond the limit of 32 bits stand in zip64's fields", arguments: [0, 60, 200])
    func zip64(wideFrom: Int) throws {
        let members = [("a", [UInt8](0...99)), ("b", []), ("c", [UInt8](repeating: 7, count: 250))]
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.zip"
            var output = try ZipOutput(path: path, named: path, wideFrom: wideFrom)
            for (name, bytes) in members { try output.add(name, bytes) }
            try output.close()
            // APPNOTE 4.3.15: the locator stands right before the end record of 22 bytes.
            let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
            #expect(bytes.suffix(42).prefix(4) == [0x50, 0x4b, 0x06, 0x07])
            // A size of all ones says that the zip64 field has it.
            #expect(bytes[18..<22].allSatisfy { $0 == 0xff } == (wideFrom <= 100))
            let archive = try ZipArchive(path: path)
            #expect(archive.members.map(\.name) == members.map(\.0))
            for (name, bytes) in members {
                #expect(try archive[name].map { try archive.read($0) } == bytes, "\(name)")
            }
        }
    }

    @Test("more members than 16 bits count")
    func manyMembers() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.zip"
            var output = try ZipOutput(path: path, named: path)
            for index in 0...Int(UInt16.max) { try output.add("\(index)", []) }
            try output.close()
            let archive = try ZipArchive(path: path)
            #expect(archive.members.count == 65_536 && archive.members.last?.name == "65535")
        }
    }

    @Test("data begin at a multiple of the alignment")
    func alignment() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.zip"
            var output = try ZipOutput(path: path, named: path, alignment: 64)
            for length in 0..<130 {
                try output.add(
                    String(repeating: "n", count: length + 1), [UInt8](repeating: 1, count: length))
            }
            try output.close()
            let archive = try ZipArchive(path: path)
            #expect(archive.members.count == 130)
            for member in archive.members {
                #expect(member.offset.isMultiple(of: 64), "\(member.name)")
                #expect(try archive.read(member) == [UInt8](repeating: 1, count: member.size))
            }
        }
    }

    @Test("a folder that is not there")
    func unwritable() {
        let path = "/nowhere/at/all.zip"
        #expect(throws: ArchiveError.unwritable(file: path, reason: "No such file or directory")) {
            try ZipOutput(path: path, named: path)
        }
    }
}
