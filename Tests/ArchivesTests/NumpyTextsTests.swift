import TestSupport
import Testing

@testable import Archives

@Suite struct NumpyTextsTests {
    private func texts(_ type: String, _ shape: String, _ elements: [UInt8], order: String = "False") throws
        -> NumpyTexts?
    {
        let header = NumpyArrayTests.header(type, order: order, shape: shape)
        return try NumpyTexts(NumpyArrayTests.file(header, elements), file: "a.npz", member: "x.npy")
    }

    // numpy.array([[b"a", b"\xc3\xbc"], [b"", b"xyz"]]).tobytes()
    @Test("Bytes are UTF-8, without the zeros at their end")
    func bytes() throws {
        let found = try texts("|S3", "(2, 2)", Array("a\0\0ü\0\0\0\0xyz".utf8))
        #expect(found?.strings == ["a", "ü", "", "xyz"] && found?.shape == [2, 2])
        #expect(try texts("|S2", "(1,)", [0xFF, 0x61])?.strings == ["\u{FFFD}a"])
    }

    // numpy.array(["ab", "\N{ROCKET}"], "<U2").tobytes()
    @Test("Unicode is UTF-32; what is none becomes U+FFFD")
    func unicode() throws {
        let rocket: [UInt8] = [0x61, 0, 0, 0, 0x62, 0, 0, 0, 0x80, 0xF6, 1, 0, 0, 0, 0, 0]
        #expect(try texts("<U2", "(2,)", rocket)?.strings == ["ab", "🚀"])
        let big = stride(from: 0, to: 16, by: 4).flatMap { rocket[$0..<$0 + 4].reversed() }
        #expect(try texts(">U2", "(2,)", big)?.strings == ["ab", "🚀"])
        #expect(try texts("<U1", "(1,)", [0xFF, 0xFF, 0xFF, 0xFF])?.strings == ["\u{FFFD}"])
    }

    @Test("Other elements are no strings", arguments: ["<f4", "|u1", "|O", "|V4", "<U0", "|S-1", "<M8[ns]"])
    func others(type: String) throws {
        #expect(try texts(type, "(2,)", []) == nil)
    }

    @Test("A shape that the file does not hold is refused")
    func wrongShape() throws {
        #expect(throws: ArchiveError.wrongPayload(file: "a.npz", member: "x.npy", found: 3, expected: 6)) {
            try texts("|S3", "(2,)", [1, 2, 3])
        }
        #expect(
            throws: ArchiveError.malformedNumpyHeader(
                file: "a.npz", member: "x.npy", found: "shape [4611686018427387904, 4]",
                expected: "a smaller one")
        ) { try texts("|S3", "(4611686018427387904, 4)", []) }
        #expect(
            throws: ArchiveError.unsupportedElementType(
                file: "a.npz", member: "x.npy", found: "'<U4611686018427387904'")
        ) { try texts("<U4611686018427387904", "(1,)", []) }
        #expect(throws: ArchiveError.fortranOrder(file: "a.npz", member: "x.npy")) {
            try texts("|S1", "(1, 1)", [1], order: "True")
        }
    }
}
