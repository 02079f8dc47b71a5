import Foundation
import TestSupport
import Testing

private let network = TestFiles.fixture("mnist-resnet.keras3.h5")
private let split = TestFiles.fixture("mnist-test-100.npz")

@Suite("experiment")
struct ExperimentCommandTests {
    private func arguments(_ folder: String, _ more: [String]) -> [String] {
        ["experiment", network, "--data", split, "--validate", split, "--output", folder + "/results"] + more
    }

    @Test(
        "the arm that is wrong is named",
        arguments: [
            ("bn,gnn", "found 'gnn', expected arms of bn, bn-eval"),
            ("bn,gn:steady=-1", "found 'gn:steady=-1', expected"), ("bn,", "found '', expected"),
            ("bn,gn,bn", "found 'bn' twice, expected once"),
        ])
    func arms(given: String, told: String) throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try normconv(arguments(folder, ["--arms", given]))
            #expect(run.code == 64 && run.errors.contains(told), "\(run.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/results"))
        }
    }

    @Test("the help lists the arms that are compared without --arms")
    func defaultArms() throws {
        let help = try normconv("help", "experiment").output.replacing(/\s+/, with: " ")
        #expect(help.contains("Default: bn,bn-frozen,") && help.contains("copy,reset."))
    }

    @Test("images of --source with another shape are refused")
    func sourceShape() throws {
        try TestFiles.withTemporaryFolder { folder in
            let source = folder + "/source.h5"
            try MadeNetwork.writeSplit(to: source, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], labels: [0, 1])
            let run = try normconv(arguments(folder, ["--arms", "gn:source", "--source", source]))
            #expect(run.code == 1 && run.errors.contains("as the training images"), "\(run.errors)")
        }
    }

    @Test("Ctrl-C says that the same command continues, and it does")
    func interrupted() throws {
        try TestFiles.withTemporaryFolder { folder in
            let more = ["--arms", "bn", "--batch-sizes", "8", "--seeds", "1", "--images-seen", "1600"]
            var isSent = false
            let run = try normconv(columns: 120, arguments(folder, more)) { text, process in
                if !isSent, text.contains("searching for a learning rate") {
                    isSent = true
                    kill(process.processIdentifier, SIGINT)
                }
            }
            #expect(run.code == 130 && run.lines.last == "Interrupted: run the same command to continue")
            let again = try normconv(arguments(folder, more + ["--json"]))
            let cells = try #require(try again.json()["cells"] as? [[String: Any]])
            #expect(again.code == 0 && cells.count == 1, "\(again.errors)")
        }
    }
}
