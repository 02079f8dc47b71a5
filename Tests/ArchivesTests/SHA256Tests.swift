import Foundation
import TestSupport
import Testing

@testable import Archives

@Suite("SHA-256")
struct SHA256Tests {
    @Test(
        "gives the checksums of FIPS 180-4's examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func examples(message: String, expected: String) {
        var checksum = SHA256()
        checksum.add(Array(message.utf8))
        #expect(checksum.text == expected)
    }

    @Test("of messages of 0 to 200 bytes is what Python's hashlib gives, in one piece and byte by byte")
    func lengths() {
        var (whole, pieces) = (SHA256(), SHA256())
        for count in 0...200 {
            let message = (0..<count).map { UInt8($0 % 251) }
            var (one, many) = (SHA256(), SHA256())
            one.add(message)
            for byte in message { many.add([byte]) }
            whole.add(Array(one.text.utf8))
            pieces.add(Array(many.text.utf8))
        }
        // The checksum of the 201 checksums' digits.
        #expect(whole.text == "b367ea311264aae50e6260b96a10761169ce3eec5d5f8f2258351f82c7252776")
        #expect(pieces.text == whole.text)
    }

    @Test(
        "of a million letters is FIPS 180-4's, whatever the pieces", arguments: [1_000_000, 63, 64, 65, 4096])
    func pieces(size: Int) {
        var checksum = SHA256()
        for start in stride(from: 0, to: 1_000_000, by: size) {
            checksum.add([UInt8](repeating: 0x61, count: min(size, 1_000_000 - start)))
        }
        #expect(checksum.text == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test("of a file longer than one piece is that of its bytes")
    func file() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let bytes = (0..<(1 << 20) + 77).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try Data(bytes).write(to: URL(fileURLWithPath: folder + "/file"))
            var checksum = SHA256()
            checksum.add(bytes)
            #expect(try SHA256.text(ofFiles: [folder + "/file"]) == checksum.text)
        }
    }

    @Test("of a file that is not there is an error that names it")
    func missing() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let error = #expect(throws: ArchiveError.self) { try SHA256.text(ofFiles: [folder + "/none"]) }
            #expect(error?.description.hasPrefix(folder + "/none:") == true)
        }
    }
}
