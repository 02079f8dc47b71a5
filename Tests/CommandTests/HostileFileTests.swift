import Foundation
import NormConvKit
import TestSupport
import Testing

/// Files that somebody made to hurt. `Hostile/` makes hundreds of them; these are small enough to be made here.
@Suite("hostile files")
struct HostileFileTests {
    /// Runs `inspect` over a file of these bytes, which must fail with one line that names the file.
    private func expectRefusal(
        _ bytes: [UInt8], named name: String, _ message: String, options: [String] = []
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/" + name
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let run = try normconv(["inspect", path] + options)
            #expect(run.code == 1)
            #expect(run.output.isEmpty)
            #expect(run.errors.hasPrefix("Error: "))
            #expect(run.errors.split(separator: "\n").count == 1)
            #expect(run.errors.contains(message))
        }
    }

    private func safetensors(_ header: String, length: UInt64? = nil) -> [UInt8] {
        withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian, Array.init) + header.utf8
    }

    @Test(
        "a safetensors header of 2^63 bytes is told as one", arguments: [1 << 63, .max, 1 << 40] as [UInt64])
    func headerLength(length: UInt64) throws {
        try expectRefusal(
            safetensors(#"{"a": 1}"#, length: length), named: "a.safetensors",
            "safetensors header of \(length) bytes, expected at most 100000000")
    }

    @Test("names out of a file end no line and move no cursor")
    func controlCharacters() throws {
        let header =
            #"{"a\nError: fine\u001b[2J\u202ec": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}}"#
        try expectRefusal(safetensors(header), named: "a.safetensors", #"a\nError: fine\u{1B}[2J\u{202E}c"#)
    }

    @Test("a name of a megabyte does not fill the screen")
    func longName() throws {
        let name = String(repeating: "n", count: 1 << 20)
        let header = #"{"\#(name)": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}}"#
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/a.safetensors"
            try Data(safetensors(header)).write(to: URL(fileURLWithPath: path))
            let run = try normconv("inspect", path)
            #expect(run.code == 1)
            #expect(run.errors.utf8.count < 2000)
            #expect(run.errors.hasPrefix("Error: \(path): tensor 'nnn"))
            #expect(run.errors.contains("expected a list of numbers"))
        }
    }

    @Test("control characters in a path are shown as escapes")
    func path() throws {
        let run = try normconv("inspect", "no\nsuch\u{1B}[2Jfile")
        #expect(run.code == 1)
        #expect(run.errors == #"Error: no\nsuch\u{1B}[2Jfile: no such file"# + "\n")
    }

    @Test("headers and configurations of a million values are refused before they fill the memory")
    func manyValues() throws {
        let zeros = String(repeating: "0,", count: 1_000_000)
        try expectRefusal(
            safetensors(#"{"a": [\#(zeros)0]}"#), named: "a.safetensors", "more than 1000000 values")
    }

    @Test("a configuration that is too large, no text or no JSON is refused", arguments: 0..<3)
    func architecture(kind: Int) throws {
        let (bytes, message): ([UInt8], String) =
            switch kind {
            case 0:
                (
                    [UInt8](repeating: UInt8(ascii: " "), count: (16 << 20) + 1),
                    "16777217 bytes, expected at most 16777216"
                )
            case 1: ([0x22, 0xFF, 0x22], "not a text file, expected UTF-8")
            default: (Array("hello".utf8), "model.json: JSON, line 1")
            }
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/model.json"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let weights = TestFiles.fixture("mnist-sequential.keras2-weights.h5")
            let run = try normconv("inspect", weights, "--architecture", path)
            #expect(run.code == 1)
            #expect(run.errors.contains(message))
            #expect(run.errors.split(separator: "\n").count == 1)
        }
    }

    /// A pickle, protocol 2, from opcodes that are text.
    private func pickle(_ code: String) -> [UInt8] { [0x80, 2] + code.utf8 + Array(".".utf8) }

    @Test(
        "pickles that call, never end or lead nowhere are one line",
        arguments: [
            ("cos\nsystem\n(X\u{7}\0\0\0touch xtR", "the pickle names 'os.system', which no network needs"),
            ("cown\nClass\n)R", "the pickle holds an object of 'own.Class', expected a state_dict"),
            ("}q\0X\u{1}\0\0\0ah\0s", "nested deeper than 32 levels"),
            ("}(K\0NK\u{1}Nu", "the pickle holds a dict without tensors"),
            ("cown\n\u{1B}[2J\u{202E}\n)R", #"an object of 'own.\u{1B}[2J\u{202E}'"#),
            ("X\u{7F}\u{7F}\u{7F}\u{7F}", "the pickle ends early"),
            (String(repeating: "(", count: 1_500_000), "the pickle has more than"),
        ])
    func pickles(code: String, message: String) throws {
        try expectRefusal(pickle(code), named: "a.pkl", message)
    }

    @Test("in the format before 1.6, a storage of 2^62 numbers is told as one")
    func storage() throws {
        let magic: [UInt8] = [
            0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
        ]
        let version = pickle("M").dropLast() + [0xe9, 3] + Array(".".utf8)
        let count: [UInt8] = [0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0x40]
        let tensor =
            Array("}X\u{3}\0\0\0a.bctorch._utils\n_rebuild_tensor_v2\n(".utf8)
            + Array("(X\u{7}\0\0\0storagectorch\nFloatStorage\nX\u{1}\0\0\00X\u{3}\0\0\0cpu".utf8) + count
            + Array("tQK\0(K\u{1}t(K\u{1}ttRs".utf8)
        let keys = pickle("](X\u{1}\0\0\00e")
        let bytes =
            magic + version + pickle("}") + [0x80, 2] + tensor + Array(".".utf8) + keys + count.dropFirst(2)
        try expectRefusal(
            bytes, named: "old.pth", "storage '0': found 0 bytes, expected 4611686018427387904 elements of 4")
    }

    /// Found by `normconv-fuzz`: one byte in the file, and libhdf5 1.10.8 reads where nothing is.
    @Test("where libhdf5 itself crashes over a file, that is an error like others")
    func crash() throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/model.h5"
            var bytes = try Data(
                contentsOf: URL(fileURLWithPath: TestFiles.fixture("zoo/activations.keras3.h5")))
            bytes[10_028] = 16
            try bytes.write(to: URL(fileURLWithPath: path))
            let run = try normconv("convert", path, folder + "/out.h5")
            // Later versions of the library find the damage, or do not look at that byte.
            if run.code != 0 {
                #expect(run.code == 1)
                #expect(run.errors.hasPrefix("Error: \(path): "))
                #expect(run.errors.split(separator: "\n").count == 1)
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["model.h5"])
            }
        }
    }
}
