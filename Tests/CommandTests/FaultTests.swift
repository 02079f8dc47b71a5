import Foundation
import NormConvKit
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

    @Test("an output that is the input, whatever it is called, needs --in-place, also with --force")
    func links() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (input, hard, soft) = (folder + "/in.h5", folder + "/hard.h5", folder + "/soft.h5")
            let manager = FileManager.default
            try manager.copyItem(atPath: model, toPath: input)
            try manager.linkItem(atPath: input, toPath: hard)
            try manager.createSymbolicLink(atPath: soft, withDestinationPath: "in.h5")
            let old = try Data(contentsOf: URL(fileURLWithPath: model))
            let contents = { try Data(contentsOf: URL(fileURLWithPath: $0)) }
            for output in [input, folder + "/./in.h5", hard, soft] {
                for options in [[], ["--force"], ["--dry-run"]] {
                    let run = try normconv(["convert", input, output] + options)
                    #expect(run.code == 1 && run.errors.contains("--in-place"), "\(run.errors)")
                }
            }
            #expect(try contents(input) == old && manager.contentsOfDirectory(atPath: folder).count == 3)
            // Of a hard link, the other name keeps the old file.
            #expect(try normconv("convert", input, hard, "--in-place").code == 0)
            #expect(try contents(hard) != old && contents(input) == old && contents(hard + ".bak") == old)
            // Of a symbolic link, the file that it leads to is replaced.
            let run = try normconv("convert", soft, "--in-place", "--json")
            #expect(run.code == 0, "\(run.errors)")
            #expect(try contents(input) == contents(hard) && contents(input + ".bak") == old)
            #expect(try run.json()["backup"] as? String == AtomicFile.resolved(input) + ".bak")
            #expect(try manager.destinationOfSymbolicLink(atPath: soft) == "in.h5")
        }
    }

    @Test("--in-place keeps the old file, says where, and does so once")
    func inPlace() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (input, elsewhere) = (folder + "/in.h5", folder + "/elsewhere.h5")
            try FileManager.default.copyItem(atPath: model, toPath: input)
            #expect(try normconv("convert", input, elsewhere).code == 0)
            let dry = try normconv("convert", input, "--in-place", "--dry-run")
            #expect(dry.code == 0 && !FileManager.default.fileExists(atPath: input + ".bak"))
            let run = try normconv("convert", input, "--in-place")
            #expect(run.code == 0 && run.output.hasSuffix("Wrote \(input)\nThe old file is \(input).bak\n"))
            let contents = try [input, elsewhere, input + ".bak", model].map {
                try Data(contentsOf: URL(fileURLWithPath: $0))
            }
            #expect(contents[0] == contents[1] && contents[2] == contents[3])
            let again = try normconv("convert", input, "--in-place", "--to", "none", "--force")
            #expect(
                again.code == 1 && again.errors.contains("the backup \(input).bak exists"), "\(again.errors)")
        }
    }

    @Test(
        "where the new file cannot be written in place, the old one is there, and no other",
        arguments: [0, 8, 64])
    func inPlaceWithoutSpace(blocks: Int) throws {
        try TestFiles.withTemporaryFolder { folder in
            let input = folder + "/in.h5"
            try FileManager.default.copyItem(atPath: model, toPath: input)
            let run = try normconv(
                inShell: "ulimit -f \(blocks); exec \"$0\" \"$@\"", "convert", input, "--in-place")
            #expect(run.code == 1 && run.errors.contains("File too large"), "\(run.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["in.h5"])
            #expect(FileManager.default.contentsEqual(atPath: input, andPath: model))
        }
    }

    @Test("in a folder that cannot be written, nothing changes", .enabled(if: geteuid() != 0))
    func inPlaceReadOnly() throws {
        try TestFiles.withTemporaryFolder { folder in
            let input = folder + "/in.h5"
            try FileManager.default.copyItem(atPath: model, toPath: input)
            chmod(folder, 0o555)
            defer { chmod(folder, 0o755) }
            let run = try normconv("convert", input, "--in-place")
            #expect(run.code == 1 && run.errors.contains("Permission denied"), "\(run.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["in.h5"])
            #expect(FileManager.default.contentsEqual(atPath: input, andPath: model))
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
