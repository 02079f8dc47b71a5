import Foundation
import TestSupport
import Testing

/// `-` in the place of a network's file.
@Suite("Standard input and output as files")
struct StandardStreamTests {
    private let network = TestFiles.fixture("torchvision-bottleneck.pth")

    @Test("a network goes through pipes, and the report to standard error")
    func pipes() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (file, stream) = (folder + "/file.safetensors", folder + "/stream.safetensors")
            let expected = try normconv("convert", network, file)
            let script = #"cat "$1" | "$0" convert - - --min-agreement 0 | cat >"$2""#
            let run = try normconv(inShell: script, network, stream)
            #expect(run.code == 0 && run.output.isEmpty, "\(run.errors)")
            #expect(run.errors.contains("standard input: ResNet-17"))
            #expect(run.errors.contains("20 batch norms to group norms") && expected.code == 0)
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: stream))
                    == Data(contentsOf: URL(fileURLWithPath: file)))
        }
    }

    @Test("--layout chooses what is written, and --quiet leaves no remarks")
    func layout() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (file, stream) = (folder + "/file.pth", folder + "/stream.pth")
            #expect(try normconv("convert", network, file).code == 0)
            let script = #""$0" convert "$1" - --layout pth --quiet --min-agreement 0 >"$2""#
            let run = try normconv(inShell: script, network, stream)
            #expect(run.code == 0 && run.errors.isEmpty, "\(run.errors)")
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: stream))
                    == Data(contentsOf: URL(fileURLWithPath: file)))
        }
    }

    @Test("inspect reads standard input")
    func inspect() throws {
        let run = try normconv(inShell: #""$0" inspect - --json <"$1""#, network)
        #expect(try run.json()["architecture"] as? String == "ResNet-17 (torchvision names)")
    }

    @Test("HDF5 in standard input is refused")
    func hdf5() throws {
        let model = TestFiles.fixture("mnist-resnet.keras3.h5")
        let run = try normconv(inShell: #""$0" inspect - <"$1""#, model)
        #expect(run.code == 1 && run.errors.hasPrefix("Error: standard input: found an HDF5 file, expected "))
    }

    @Test("empty standard input is refused")
    func empty() throws {
        let run = try normconv("inspect", "-")
        #expect(run.code == 1 && run.errors.contains("the file is empty"))
    }

    @Test("errors name standard input, not the file that holds it")
    func names() throws {
        let run = try normconv(inShell: #"printf abc | "$0" inspect - --json"#)
        #expect(run.code == 1 && run.errors.hasPrefix("Error: standard input: not "), "\(run.errors)")
        let told = try #require(try run.json()["error"] as? [String: Any])
        #expect(told["file"] as? String == "standard input" && !run.output.contains("/dev/fd"))
    }

    @Test("a full device is an error")
    func fullDevice() throws {
        let script = #""$0" convert "$1" - --min-agreement 0 --quiet >/dev/full"#
        let run = try normconv(inShell: script, network)
        #expect(run.code == 1 && run.errors.hasPrefix("Error: standard output: cannot be written"))
    }

    @Test("standard output has one use, and standard input is no file to replace")
    func usage() throws {
        #expect(try normconv("convert", network, "-", "--json").code == 64)
        #expect(try normconv("convert", "-", "--in-place").code == 64)
        #expect(try normconv("convert", "-", "--output-dir", "gn").code == 64)
    }
}
