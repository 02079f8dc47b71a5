import Testing

@testable import OrderedJSON

@Suite("Ordered JSON")
struct JSONTests {
    /// Written by Python 3's `json.dumps`.
    static let pythonTexts = [
        #"{"z": 1, "a": [1.0, 1e-05, -0.0, 9.999999747378752e-05, 12345678901234567890], "m": {}}"#,
        #"[NaN, Infinity, -Infinity, true, false, null, [], ""]"#,
        #""a\"b\\c/\u00e9\u4e2d\ud83d\ude00\n\r\t\b\f\u0001\u007f""#,
        "0",
    ]

    @Test("what Python writes is written back byte for byte", arguments: pythonTexts)
    func roundTrips(text: String) throws {
        #expect(try JSON.parse(text).text == text)
    }

    @Test("any spacing, raw UTF-8 and every escape are read, and written as Python would")
    func normalizes() throws {
        let text = "\t{ \"é😀\\u00E9\\/\" :\r\n[ 1 ,2.50E+1 ] }\n"
        #expect(try JSON.parse(text).text == #"{"\u00e9\ud83d\ude00\u00e9/": [1, 2.50E+1]}"#)
    }

    @Test("accessors give a value of their own kind and nil for all others")
    func accessors() throws {
        let json = try JSON.parse(#"{"i": 3, "d": 3.5, "s": "x", "b": true, "n": null, "a": [7], "f": 3.0}"#)
        #expect(json["i"]?.int == 3)
        #expect(json["i"]?.double == 3)
        #expect(json["d"]?.double == 3.5)
        #expect(json["d"]?.int == nil)
        #expect(json["f"]?.int == nil)
        #expect(json["s"]?.string == "x")
        #expect(json["b"]?.bool == true)
        #expect(json["b"]?.int == nil)
        #expect(json["n"]?.isNull == true)
        #expect(json["a"]?[0]?.int == 7)
        #expect(json["a"]?[1] == nil)
        #expect(json["missing"] == nil)
        #expect(json[0] == nil)
        #expect(try JSON.parse("NaN").double?.isNaN == true)
        #expect(try JSON.parse("-Infinity").double == -.infinity)
        #expect(try JSON.parse("99999999999999999999").int == nil)
    }

    @Test("updates keep the order of keys")
    func updates() throws {
        let json = try JSON.parse(#"{"b": 1, "a": 2, "c": 3}"#)
        #expect(json.setting("a", .double(1e-5)).text == #"{"b": 1, "a": 1e-05, "c": 3}"#)
        #expect(json.setting("d", .bool(false)).text == #"{"b": 1, "a": 2, "c": 3, "d": false}"#)
        #expect(json.removing(["a", "x"]).text == #"{"b": 1, "c": 3}"#)
        #expect(json.updating("c") { _ in .null }.text == #"{"b": 1, "a": 2, "c": null}"#)
        #expect(json.updating("x") { _ in .null } == json)
        #expect(JSON.null.setting("a", .null) == .null)
    }

    @Test(
        "doubles are spelled as Python's repr spells them",
        arguments: [
            (1e-5, "1e-05"), (1.001e-5, "1.001e-05"), (0.001, "0.001"), (1, "1.0"), (1e16, "1e+16"),
            (.nan, "NaN"), (-.infinity, "-Infinity"),
        ])
    func spelling(value: Double, text: String) {
        #expect(JSON.double(value).text == text)
    }

    @Test(
        "malformed text is refused with its defect, line and byte",
        arguments: [
            ("", .unexpectedEnd(expected: "a value"), 0),
            ("[1", .unexpectedEnd(expected: "',' or ']'"), 2),
            ("[1,]", .unexpectedByte(UInt8(ascii: "]"), expected: "a value"), 3),
            ("{\"a\" 1}", .unexpectedByte(UInt8(ascii: "1"), expected: "':'"), 5),
            ("{\"a\": 1,}", .unexpectedByte(UInt8(ascii: "}"), expected: "a key in quotes"), 8),
            ("{a: 1}", .unexpectedByte(UInt8(ascii: "a"), expected: "a key in quotes"), 1),
            ("{\"a\": 1 2}", .unexpectedByte(UInt8(ascii: "2"), expected: "',' or '}'"), 8),
            ("01", .trailingContent, 1), ("1 x", .trailingContent, 2),
            ("+1", .unexpectedByte(UInt8(ascii: "+"), expected: "a value"), 0),
            ("1.", .unexpectedEnd(expected: "a digit"), 2),
            (".5", .unexpectedByte(UInt8(ascii: "."), expected: "a value"), 0),
            ("1e+", .unexpectedEnd(expected: "a digit"), 3),
            ("-", .unexpectedEnd(expected: "a digit"), 1),
            ("nul", .unexpectedEnd(expected: "'null'"), 3),
            ("\"a", .unexpectedEnd(expected: "a closing quote"), 2),
            ("\"\\x\"", .invalidEscape, 1),
            ("\"\\u12g4\"", .unexpectedByte(UInt8(ascii: "g"), expected: "a hexadecimal digit"), 5),
            ("\"\\ud800\"", .loneSurrogate, 1), ("\"\\udc00\\ud800\"", .loneSurrogate, 1),
            ("\"\\ud800\\u0041\"", .loneSurrogate, 1),
            ("\"\u{1}\"", .controlCharacter(1), 1),
            ("{\"a\": 1, \"a\": 2}", .duplicateKey("a"), 9),
        ] as [(String, JSONError.Defect, Int)])
    func malformed(text: String, defect: JSONError.Defect, offset: Int) {
        #expect(throws: JSONError(defect, offset: offset, line: 1)) { try JSON.parse(text) }
    }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe4]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError(.invalidUTF8, offset: 1, line: 1)) {
            try JSON.parse([0x22] + bytes + [0x22])
        }
    }

    @Test("the line of a defect is counted from one")
    func lines() {
        let error = #expect(throws: JSONError.self) { try JSON.parse("[1,\n2,\n?]") }
        #expect(error?.line == 3)
        #expect(error?.description == "JSON, line 3, byte 7: found '?', expected a value")
    }

    @Test("nesting up to the limit is read, one level more is refused")
    func depth() throws {
        let fits = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
        #expect(try JSON.parse(fits).text == fits)
        let error = #expect(throws: JSONError.self) {
            try JSON.parse(String(repeating: "[{\"a\":", count: 1_000_000))
        }
        #expect(error?.defect == .tooDeep(limit: 512))
    }

    @Test("more values than allowed are refused before they fill the memory")
    func manyValues() throws {
        #expect(try JSON.parse(Array(#"{"a": [1, 2]}"#.utf8), valueLimit: 4).members?.count == 1)
        let error = #expect(throws: JSONError.self) {
            try JSON.parse(Array(#"{"a": [1, 2]}"#.utf8), valueLimit: 3)
        }
        #expect(error?.defect == .tooManyValues(limit: 3))
        #expect(error?.offset == 10)
    }
}
