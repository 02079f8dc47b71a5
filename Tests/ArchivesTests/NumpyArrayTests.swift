import TestSupport
import Testing

@testable import Archives

@Suite struct NumpyArrayTests {
    /// An npy file of version 1 with this header and these elements.
    static func file(_ header: String, _ elements: [UInt8], version: UInt8 = 1) -> [UInt8] {
        let text = Array((header + "\n").utf8)
        let length = (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + elements
    }

    static func header(_ type: String, order: String = "False", shape: String = "(2, 3)") -> String {
        "{'descr': '\(type)', 'fortran_order': \(order), 'shape': \(shape), }"
    }

    static func array(_ bytes: [UInt8]) throws(ArchiveError) -> NumpyArray {
        try NumpyArray(bytes, file: "a.npz", member: "x.npy")
    }

    static func floats(_ array: NumpyArray) -> [Float] {
        [Float](unsafeUninitializedCapacity: array.count) { buffer, count in
            if let start = buffer.baseAddress { array.copyFloats(0..<array.count, to: start) }
            count = array.count
        }
    }

    // numpy.save(file, numpy.array([[1, 2], [3, 4]], "u1"))
    private static let saved =
        "k05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDIpLCB9ICAgICAgICAg"
        + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAgME"

    @Test("A file that numpy wrote is read")
    func readsNumpysFile() throws {
        let array = try Self.array(Samples.bytes(Self.saved))
        #expect(array.shape == [2, 2])
        #expect(array.elementType == .uint8)
        #expect(Array(array.storage) == [1, 2, 3, 4])
    }

    // numpy.array([0, 1, 2, 3, 100, 120], type).tobytes()
    @Test(
        "Integers of every width and byte order",
        arguments: [
            ("|u1", "AAECA2R4"), ("|i1", "AAECA2R4"),
            ("<u2", "AAABAAIAAwBkAHgA"), (">i2", "AAAAAQACAAMAZAB4"),
            ("<u4", "AAAAAAEAAAACAAAAAwAAAGQAAAB4AAAA"), (">i4", "AAAAAAAAAAEAAAACAAAAAwAAAGQAAAB4"),
            ("<u8", "AAAAAAAAAAABAAAAAAAAAAIAAAAAAAAAAwAAAAAAAABkAAAAAAAAAHgAAAAAAAAA"),
            (">i8", "AAAAAAAAAAAAAAAAAAAAAQAAAAAAAAACAAAAAAAAAAMAAAAAAAAAZAAAAAAAAAB4"),
        ])
    func integers(type: String, elements: String) throws {
        let array = try Self.array(Self.file(Self.header(type), Samples.bytes(elements)))
        #expect(array.integers() == [0, 1, 2, 3, 100, 120])
        #expect(Self.floats(array) == [0, 1, 2, 3, 100, 120])
    }

    // numpy.array([0.5, -1.25, 6.1e-5, -3.1e-7, 65504, numpy.inf], type).astype("f4").view("u4")
    @Test(
        "Floats of every width and byte order",
        arguments: [
            ("<f2", "ADgAvf8DBYD/ewB8"), (">f2", "OAC9AAP/gAV7/3wA"),
            ("<f4", "AAAAPwAAoL9A2n84E26mtADgf0cAAIB/"), (">f4", "PwAAAL+gAAA4f9pAtKZuE0d/4AB/gAAA"),
            ("<f8", "AAAAAAAA4D8AAAAAAAD0v9XMWgpI+w8/2Acfa8LNlL4AAAAAAPzvQAAAAAAAAPB/"),
            (">f8", "P+AAAAAAAAC/9AAAAAAAAD8P+0gKWszVvpTNwmsfB9hA7/wAAAAAAH/wAAAAAAAA"),
        ])
    func floats(type: String, elements: String) throws {
        let array = try Self.array(Self.file(Self.header(type), Samples.bytes(elements)))
        let small: [UInt32] =
            type.hasSuffix("2") ? [947_896_320, 3_030_384_640] : [947_903_040, 3_030_806_035]
        let expected = [1_056_964_608, 3_214_934_016] + small + [1_199_562_752, 2_139_095_040]
        #expect(Self.floats(array).map(\.bitPattern) == expected)
        #expect(array.integers() == nil)
    }

    @Test("Half precision has signed zeros and not-a-numbers")
    func halves() {
        #expect(Float(halfBits: 0x8000).bitPattern == Float(-0.0).bitPattern)
        #expect(Float(halfBits: 0x7E00).isNaN)
        #expect(Float(halfBits: 0xFC00) == -.infinity)
    }

    @Test("Negative integers keep their sign; integers beyond 63 bits are no Int")
    func extremes() throws {
        let negative = try Self.array(Self.file(Self.header("|i1", shape: "(2,)"), [0xFF, 0x80]))
        #expect(negative.integers() == [-1, -128])
        let large = try Self.array(
            Self.file(Self.header("<u8", shape: "()"), [UInt8](repeating: 0xFF, count: 8)))
        #expect(large.count == 1)
        #expect(large.integers() == nil)
    }

    @Test("A part of the elements can be decoded alone")
    func ranges() throws {
        let array = try Self.array(Self.file(Self.header("|u1"), [5, 6, 7, 8, 9, 10]))
        var values: [Float] = [0, 0]
        values.withUnsafeMutableBufferPointer { buffer in
            if let start = buffer.baseAddress { array.copyFloats(3..<5, to: start) }
        }
        #expect(values == [8, 9])
    }

    @Test("Versions 2 and 3 have longer headers", arguments: [2, 3] as [UInt8])
    func versions(version: UInt8) throws {
        let array = try Self.array(Self.file(Self.header("|u1", shape: "(1,)"), [7], version: version))
        #expect(array.integers() == [7])
    }

    @Test("Fortran order does not matter in one dimension")
    func fortranVector() throws {
        let array = try Self.array(Self.file(Self.header("|u1", order: "True", shape: "(2,)"), [7, 8]))
        #expect(array.integers() == [7, 8])
    }

    @Test("Arrays of a compressed npz are named without their suffix")
    func readsNpz() throws {
        let archive = try ZipArchive(path: TestFiles.fixture("mnist-test-100.npz"))
        #expect(archive.arrayNames == ["x_test", "y_test"])
        let labels = try archive.array(named: "y_test")
        #expect(labels.integers()?.prefix(10) == [1, 3, 0, 3, 7, 0, 6, 2, 0, 8])
        #expect(try archive.array(named: "x_test").shape == [100, 28, 28, 1])
    }

    @Test("Bytes without numpy's magic are refused", arguments: [0, 5, 11])
    func notNumpy(count: Int) {
        #expect(throws: ArchiveError.notNumpy(file: "a.npz", member: "x.npy")) {
            try Self.array(Array(Self.file(Self.header("|u1"), []).prefix(count)))
        }
        #expect(throws: ArchiveError.notNumpy(file: "a.npz", member: "x.npy")) {
            try Self.array([UInt8](repeating: 0, count: 20))
        }
    }

    @Test("Other versions of the format are refused", arguments: [0, 4] as [UInt8])
    func unsupportedVersion(version: UInt8) {
        let expected = ArchiveError.unsupportedNumpyVersion(
            file: "a.npz", member: "x.npy", found: Int(version))
        #expect(throws: expected) { try Self.array(Self.file(Self.header("|u1"), [], version: version)) }
    }

    @Test(
        "Headers that numpy does not write are refused",
        arguments: [
            "", "{}", "{'descr': '|u1'}", "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'more': 1}",
            "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': 1}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775807, 2, 3)}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} #",
            "{'descr': '|u1, 'fortran_order': False, 'shape': (1,)}",
        ])
    func malformedHeader(header: String) {
        #expect {
            try Self.array(Self.file(header, [0]))
        } throws: { error in
            if case .malformedNumpyHeader("a.npz", "x.npy", _, _)? = error as? ArchiveError {
                true
            } else {
                false
            }
        }
    }

    @Test("A header that is longer than the file, or than numpy allows, is refused")
    func longHeader() {
        let spaces = String(repeating: " ", count: 10_000)
        let expected = ArchiveError.malformedNumpyHeader(
            file: "a.npz", member: "x.npy", found: "10001 bytes", expected: "at most 10000")
        #expect(throws: expected) { try Self.array(Self.file(spaces, [])) }
        let cut = ArchiveError.malformedNumpyHeader(
            file: "a.npz", member: "x.npy", found: "65 bytes", expected: "at most 10")
        #expect(throws: cut) {
            try Self.array(
                Array(
                    Self.file("{'descr': '|u1', 'fortran_order': False, 'shape': (100000, 3), }", []).prefix(
                        20)))
        }
    }

    @Test(
        "Elements that are neither integers nor floats are refused",
        arguments: ["|O", "<U10", "|S3", "<c8", "<f16", "<M8[s]", "f4", "|f4", "=f4", ""])
    func unsupportedType(type: String) {
        let expected = ArchiveError.unsupportedElementType(
            file: "a.npz", member: "x.npy", found: "'\(type)'")
        #expect(throws: expected) { try Self.array(Self.file(Self.header(type), [])) }
    }

    @Test("Records are refused")
    func record() {
        let expected = ArchiveError.unsupportedElementType(file: "a.npz", member: "x.npy", found: "a record")
        #expect(throws: expected) {
            try Self.array(Self.file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", []))
        }
    }

    @Test("Fortran order is refused with several dimensions")
    func fortranOrder() {
        #expect(throws: ArchiveError.fortranOrder(file: "a.npz", member: "x.npy")) {
            try Self.array(Self.file(Self.header("|u1", order: "True"), [1, 2, 3, 4, 5, 6]))
        }
    }

    @Test("More or fewer elements than the shape asks for are refused", arguments: [5, 7])
    func wrongPayload(count: Int) {
        let expected = ArchiveError.wrongPayload(file: "a.npz", member: "x.npy", found: count, expected: 6)
        #expect(throws: expected) {
            try Self.array(Self.file(Self.header("|u1"), [UInt8](repeating: 0, count: count)))
        }
    }
}
