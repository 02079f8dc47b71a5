import Foundation
import TestSupport
import Testing

private let model = TestFiles.fixture("mnist-resnet.keras3.h5")
private let split = TestFiles.fixture("mnist-test-100.npz")

/// What the system or the user's own command gets in the way of; Conformance/faults.py has more.
@Suite("faults")
struct FaultTests {
    @Test(
        "a limit of file sizes is one line of error, and leaves the old file and no other",
        arguments: [0, 8, 64])
    func fileSizes(blocks: Int) throws {
        try withOldFile("out.h5") { folder in
            let run = try normconv(
                inShell: "ulimit -f \(blocks); exec \"$0\" \"$@\"", "convert", model, folder + "/out.h5",
                "--force")
            #expect(run.code == 1 && run.output.isEmpty)
            #expect(run.errors.contains("out.h5") && run.errors.contains("File too large"), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1)
        }
    }

    @Test("standard output that is closed or full fails, and files that are written stay whole")
    func closedOutput() throws {
        for redirection in [">&-", ">/dev/full", "<&- >&-"] {
            try TestFiles.withTemporaryFolder { folder in
                let part = folder + "/part"
                let run = try normconv(
                    inShell: "exec \"$0\" \"$@\" \(redirection)", "eval", model, "--data", split, "--partial",
                    part,
                    "--json")
                #expect(
                    run.code == 1 && run.errors.contains("standard output: cannot be written"),
                    "\(run.errors)")
                let merged = try normconv("merge", part, "--json")
                #expect(merged.code == 0, "\(redirection): \(merged.errors)")
            }
        }
    }

    @Test("standard error that is closed gets into no file")
    func closedErrors() throws {
        try TestFiles.withTemporaryFolder { folder in
            let paths = [folder + "/a.h5", folder + "/b.h5"]
            #expect(try normconv("convert", model, paths[0]).errors.contains("warning"))
            let run = try normconv(inShell: "exec \"$0\" \"$@\" 2>&-", "convert", model, paths[1])
            #expect(run.code == 0)
            let files = try paths.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
            #expect(files[0] == files[1])
        }
    }

    @Test(
        "an output that is the input, by a hard or a symbolic link, is what --force says and leaves other names alone"
    )
    func links() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (input, hard, soft) = (folder + "/in.h5", folder + "/hard.h5", folder + "/soft.h5")
            let manager = FileManager.default
            try manager.copyItem(atPath: model, toPath: input)
            try manager.linkItem(atPath: input, toPath: hard)
            try manager.createSymbolicLink(atPath: soft, withDestinationPath: "in.h5")
            let old = try Data(contentsOf: URL(fileURLWithPath: model))
            let contents = { try Data(contentsOf: URL(fileURLWithPath: $0)) }
            for output in [hard, soft] {
                let run = try normconv("convert", input, output)
                #expect(run.code == 1 && run.errors.contains("--force"))
            }
            #expect(try normconv("convert", input, hard, "--force").code == 0)
            let new = try contents(hard)
            #expect(try new != old && contents(input) == old)
            #expect(try normconv("convert", input, soft, "--force").code == 0)
            #expect(try contents(input) == new)
            #expect(try manager.destinationOfSymbolicLink(atPath: soft) == "in.h5")
            #expect(try manager.contentsOfDirectory(atPath: folder).count == 3)
        }
    }

    @Test("results are not written over what they are computed from, not even with --force")
    func outputIsInput() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (input, soft) = (folder + "/in.h5", folder + "/soft.h5")
            try FileManager.default.copyItem(atPath: model, toPath: input)
            try FileManager.default.createSymbolicLink(atPath: soft, withDestinationPath: "in.h5")
            let old = try Data(contentsOf: URL(fileURLWithPath: input))
            for option in ["--html", "--csv", "--outputs", "--partial", "--resume"] {
                for output in [input, soft] {
                    let run = try normconv("eval", input, "--data", split, option, output, "--force")
                    #expect(
                        run.code == 1 && run.errors.contains("\(output): is the input \(input)"),
                        "\(run.errors)")
                }
            }
            let sweep = try normconv("sweep", input, "--data", split, "--html", soft, "--force")
            #expect(sweep.code == 1 && sweep.errors.contains("is the input"))
            let merge = try normconv("merge", input, "--csv", soft, "--force")
            #expect(merge.code == 1 && merge.errors.contains("is the input"))
            let convert = try normconv("convert", input, soft, "--calibrate", input, "--force")
            #expect(convert.code == 1 && convert.errors.contains("is the input"))
            let graph = try normconv("convert", input, soft, "--architecture", input, "--force")
            #expect(graph.code == 1 && graph.errors.contains("is the input"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: input)) == old)
        }
    }

    private func withOldFile(_ name: String, _ body: (_ folder: String) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            let url = URL(fileURLWithPath: folder + "/" + name)
            try Data("old".utf8).write(to: url)
            try body(folder)
            #expect(try Data(contentsOf: url) == Data("old".utf8))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [name])
        }
    }
}
