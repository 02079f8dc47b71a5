import Foundation
import TestSupport
import Testing

private let model = TestFiles.fixture("mnist-resnet.keras3.h5")

@Suite("Errors with --json")
struct JSONFailureTests {
    private func details(_ run: Run) throws -> [String: Any] {
        try #require(try run.json()["error"] as? [String: Any])
    }

    @Test("A failure is one object with the file, the object in it, and the line that standard error has")
    func failure() throws {
        let missing = try normconv("inspect", "nowhere.h5", "--json")
        let told = try details(missing)
        #expect(missing.code == 1 && told["exitCode"] as? Int == 1)
        #expect(told["file"] as? String == "nowhere.h5" && told["object"] == nil)
        #expect(missing.errors == "Error: \(told["message"] as? String ?? "")\n")

        let groups = try details(
            try normconv("convert", model, "out.h5", "--groups", "7", "--dry-run", "--json"))
        #expect(groups["file"] as? String == model)
        #expect(groups["object"] as? String == "stem_bn")
    }

    @Test("An error about an object of an HDF5 file names both")
    func object() throws {
        let texts = TestFiles.fixture("texts.h5")
        let told = try details(try normconv("inspect", texts, "--json"))
        #expect(told["file"] as? String == texts && told["object"] as? String == "/booleans")
        #expect(told["found"] as? String == "an enumeration")
    }

    @Test("A usage error is one object too, with the suggestion")
    func usage() throws {
        let run = try normconv("inspect", model, "--jsn", "--json")
        let told = try details(run)
        #expect(run.code == 64 && told["exitCode"] as? Int == 64)
        #expect((told["message"] as? String)?.hasSuffix("Did you mean '--json'?") == true)
        #expect(run.errors.hasPrefix("Error: \(told["message"] as? String ?? "")\n"))
    }

    @Test("A choice of many values is one line")
    func choice() throws {
        let told = try details(
            normconv(
                "finetune", model, "o.h5", "--data", "a", "--validate", "b", "--augment", "foo", "--json"))
        #expect(told["expected"] as? String == "auto, bit, imagenet, cifar, mirror, none")
        #expect(told["found"] as? String == "foo" && told["object"] as? String == "--augment")
        #expect((told["message"] as? String)?.contains("\\n") == false)
    }

    @Test("Without --json, or with it as a file's name, standard output stays empty")
    func plain() throws {
        #expect(try normconv("inspect", "nowhere.h5").output.isEmpty)
        #expect(try normconv("inspect", "--", "--json").output.isEmpty)
    }
}
