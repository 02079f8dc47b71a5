import Foundation
import TestSupport
import Testing

@testable import Archives

/// Archives that Python's `zipfile` wrote (3.11), dated 2024-01-01.
enum Samples {
    /// `a.txt` stored, `folder/`, `folder/b.txt` deflated. Local headers at 0, 41, 78; directory entries at 134, 185,
    /// 238; end record at 296.
    static let plain = bytes(
        "UEsDBBQAAAAAAAAAIVgL+UNWBgAAAAYAAAAFAAAAYS50eHRzdG9yZWRQSwMEFAAAAAAAAAAhWAAAAAAAAAAAAAAAAAcAAABmb2xk"
            + "ZXIvUEsDBBQAAAAIAAAAIVgH1m+QDgAAALQAAAAMAAAAZm9sZGVyL2IudHh0S0lNy0ksSU1RSBk6DABQSwECFAMUAAAAAAAAACFY"
            + "C/lDVgYAAAAGAAAABQAAAAAAAAAAAAAAgAEAAAAAYS50eHRQSwECFAMUAAAAAAAAACFYAAAAAAAAAAAAAAAABwAAAAAAAAAAAAAA"
            + "gAEpAAAAZm9sZGVyL1BLAQIUAxQAAAAIAAAAIVgH1m+QDgAAALQAAAAMAAAAAAAAAAAAAACAAU4AAABmb2xkZXIvYi50eHRQSwUG"
            + "AAAAAAMAAwCiAAAAhgAAAAAA")

    /// `a.txt` written with `force_zip64=True`, as numpy does: 64-bit sizes in the local header only.
    static let zip64Local = bytes(
        "UEsDBC0AAAAIAAAAIVguYsgu//////////8FABQAYS50eHQBABAAPAAAAAAAAAALAAAAAAAAAKvKLDAzUagiiwQAUEsBAi0DLQAA"
            + "AAgAAAAhWC5iyC4LAAAAPAAAAAUAAAAAAAAAAAAAAIABAAAAAGEudHh0UEsFBgAAAAABAAEAMwAAAEIAAAAAAA==")

    /// `a.txt` stored, with a zip64 directory (`zipfile.ZIP64_LIMIT = 20`): record at 186, locator at 242.
    static let zip64 = bytes(
        "UEsDBC0AAAAAAAAAIVguYsgu//////////8FABQAYS50eHQBABAAPAAAAAAAAAA8AAAAAAAAAHppcDY0IHppcDY0IHppcDY0IHpp"
            + "cDY0IHppcDY0IHppcDY0IHppcDY0IHppcDY0IHppcDY0IHppcDY0IFBLAQItAy0AAAAAAAAAIVguYsgu//////////8FABQAAAAA"
            + "AAAAAACAAQAAAABhLnR4dAEAEAA8AAAAAAAAADwAAAAAAAAAUEsGBiwAAAAAAAAALQAtAAAAAAAAAAAAAQAAAAAAAAABAAAAAAAA"
            + "AEcAAAAAAAAAcwAAAAAAAABQSwYHAAAAALoAAAAAAAAAAQAAAFBLBQYAAAAAAQABAEcAAABzAAAAAAA=")

    /// `a.txt` written to a pipe: sizes follow the data.
    static let streamed = bytes(
        "UEsDBBQACAAIAAAAIVgAAAAAAAAAAAAAAAAFAAAAYS50eHRLSS1OLsosKMkvUkihPRMAUEsHCCJBSe0QAAAAbgAAAFBLAQIUAxQA"
            + "CAAIAAAAIVgiQUntEAAAAG4AAAAFAAAAAAAAAAAAAACAAQAAAABhLnR4dFBLBQYAAAAAAQABADMAAABDAAAAAAA=")

    static func bytes(_ base64: String) -> [UInt8] { Data(base64Encoded: base64).map(Array.init) ?? [] }

    /// Writes an archive to a file of its own, opens it and hands it over.
    static func open(_ bytes: [UInt8], then body: (ZipArchive) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/archive.zip"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            try body(ZipArchive(path: path))
        }
    }

    /// Expects that opening an archive and reading all of it fails as told; the closure gets the file's path.
    static func expectFailure(
        _ bytes: [UInt8], _ expected: (String) -> ArchiveError, at location: SourceLocation = #_sourceLocation
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/archive.zip"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(throws: expected(path), sourceLocation: location) {
                let archive = try ZipArchive(path: path)
                for member in archive.members { _ = try archive.read(member) }
            }
        }
    }
}

extension [UInt8] {
    /// The same bytes but for some at an offset.
    func replacing(at offset: Int, with bytes: [UInt8]) -> [UInt8] {
        var copy = self
        copy.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        return copy
    }
}
