import Foundation
import TestSupport
import Testing

@testable import Archives

@Suite("A file that is read")
struct RandomAccessFileTests {
    private func withFile(_ body: (RandomAccessFile, URL) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            let url = URL(fileURLWithPath: folder + "/a")
            try Data("0123456789".utf8).write(to: url)
            try body(RandomAccessFile(path: url.path), url)
        }
    }

    @Test("and written at the same time is told, shorter, longer or of another time")
    func changed() throws {
        for size in [4, 20] {
            try withFile { file, url throws -> Void in
                #expect(try file.read(at: 2, count: 3) == Array("234".utf8))
                try Data(repeating: 0x61, count: size).write(to: url)
                #expect(throws: ArchiveError.changed(file: url.path)) { try file.read(at: 0, count: 10) }
            }
        }
        try withFile { file, url throws -> Void in
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: url.path)
            #expect(throws: ArchiveError.changed(file: url.path)) { try file.read(at: 0, count: 10) }
        }
    }

    @Test("stays what it was when its name goes to another, or away")
    func renamed() throws {
        try withFile { file, url in
            try Data("other".utf8).write(to: url, options: .atomic)
            #expect(try file.read(at: 0, count: 10) == Array("0123456789".utf8))
            try FileManager.default.removeItem(at: url)
            #expect(try file.read(at: 9, count: 1) == Array("9".utf8))
        }
    }
}
