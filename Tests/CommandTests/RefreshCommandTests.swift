import Foundation
import TestSupport
import Testing

private let model = TestFiles.fixture("mnist-resnet.keras3.h5")
private let images = TestFiles.fixture("mnist-test-100.npz")

@Suite("convert --refresh-statistics")
struct RefreshCommandTests {
    private func convert(_ options: String...) throws -> Run {
        try normconv(["convert", model, "out.h5", "--dry-run", "--refresh-statistics", images] + options)
    }

    @Test(
        "tells how many images and how far the statistics moved, with every target",
        arguments: ["gn", "ln", "none"])
    func report(target: String) throws {
        let run = try convert("--to", target, "--refresh-batch", "16")
        #expect(
            run.code == 0 && run.output.contains("9 batch norms on 96 images of \(images), 6 batches of 16"))
        #expect(run.output.contains("biased variances, seed 0\n  on average means moved by "))
        #expect(
            run.output.contains("The norms stay; only their statistics changed") == (target == "none"))
        #expect(!run.output.contains("unchanged"))
        let report = try #require(
            convert("--to", target, "--refresh-images", "20", "--seed", "3", "--json").json()["refresh"]
                as? [String: Any])
        #expect(report["images"] as? Int == 20 && report["batch"] as? Int == 20)
        #expect(report["seed"] as? Int == 3 && report["variance"] as? String == "biased")
        let norms = try #require(report["norms"] as? [[String: Any]])
        #expect(norms.count == 9 && Set(norms[0].keys) == ["layer", "meanShift", "deviationFactor"])
    }

    @Test("goes with calibration on the same or other images")
    func calibration() throws {
        let run = try convert(
            "--calibrate", images, "--calibration-images", "8", "--epochs", "0", "--seed", "1")
        #expect(
            run.code == 0 && run.output.contains("seed 1\n  on average")
                && run.output.contains("Calibrated on"))
    }

    @Test("takes a folder without labels")
    func folder() throws {
        try TestFiles.withTemporaryFolder { folder in
            for name in ["a.png", "b.png", "c.png"] {
                try FileManager.default.copyItem(
                    atPath: TestFiles.fixture("images/grey.png"), toPath: folder + "/" + name)
            }
            let run = try normconv(
                "convert", model, folder + "/out.h5", "--to", "none", "--refresh-statistics", folder,
                "--resize", "28x28")
            #expect(
                run.code == 0 && run.output.contains("3 images of \(folder), 1 batch of 3"), "\(run.errors)")
        }
    }

    @Test(
        "its options go with it only",
        arguments: [
            ["--refresh-images", "8"], ["--refresh-batch", "8"], ["--seed", "1"], ["--resize", "28"],
        ])
    func usage(options: [String]) throws {
        let run = try normconv(["convert", model, "out.h5", "--dry-run"] + options)
        #expect(run.code == 64 && run.errors.contains("--refresh-statistics"))
        #expect(try convert("--refresh-batch", "0").code == 64)
    }

    @Test("never writes over the images")
    func sameFile() throws {
        let run = try normconv("convert", model, images, "--force", "--refresh-statistics", images)
        #expect(run.code != 0)
    }
}
