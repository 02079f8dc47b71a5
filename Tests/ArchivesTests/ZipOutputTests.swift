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

    @Test("a folder that is not there")
    func unwritable() {
        let path = "/nowhere/at/all.zip"
        #expect(throws: ArchiveError.unwritable(file: path, reason: "No such file or directory")) {
            try ZipOutput(path: path, named: path)
        }
    }
}
