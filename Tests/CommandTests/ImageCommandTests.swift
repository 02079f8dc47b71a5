import Foundation
import HDF5
import TestSupport
import Testing

private let model = TestFiles.fixture("torchvision-bottleneck.safetensors")

@Suite("the command on image files")
struct ImageCommandTests {
    /// A folder of two classes, and a file that says which outputs they are.
    private func withFolder(_ body: (_ folder: String, _ classes: String) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            let files = [
                "cat": ["rgb.png", "photo.jpg"], "dog": ["cmyk.jpg", "grey16.png", "orientation-6.jpg"],
            ]
            for (name, images) in files {
                let target = folder + "/split/" + name
                try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
                for image in images {
                    try FileManager.default.copyItem(
                        atPath: TestFiles.fixture("images/" + image), toPath: target + "/" + image)
                }
            }
            try Data("cat 3\ndog 5\n".utf8).write(to: URL(fileURLWithPath: folder + "/classes.txt"))
            try body(folder + "/split", folder + "/classes.txt")
        }
    }

    private let size = ["--resize", "36", "--crop", "32"]

    @Test("eval scores a folder, and says how images came to their size")
    func eval() throws {
        try withFolder { folder, classes in
            let run = try normconv(["eval", model, "--data", folder, "--classes", classes, "--json"] + size)
            #expect(run.code == 0)
            // What the network's file does not say is all there is to say.
            let remarks = run.errors.split(separator: "\n")
            #expect(remarks.count == 1 && remarks[0].hasPrefix("warning: "))
            #expect(remarks.first?.contains(": assumed: batch norms: ε 1e-05, PyTorch's default; ") == true)
            let report = try run.json()
            #expect(report["images"] as? Int == 5)
            #expect(report["transform"] as? String == "shorter side 36, crop 32×32, bilinear")
            #expect(report["broken"] == nil)
            let network = try #require((report["models"] as? [[String: Any]])?.first)
            let found = try #require(network["classes"] as? [[String: Any]])
            #expect(found.compactMap { $0["images"] as? Int } == [0, 0, 0, 2, 0, 3, 0, 0, 0, 0])
            #expect(found[5]["name"] as? String == "dog")
        }
    }

    @Test("A broken image fails the run by name; --skip-broken leaves it out and counts it")
    func broken() throws {
        try withFolder { folder, classes in
            let path = folder + "/dog/broken.jpg"
            try Data("no image".utf8).write(to: URL(fileURLWithPath: path))
            let arguments = ["eval", model, "--data", folder, "--classes", classes] + size
            let run = try normconv(arguments)
            #expect(run.code == 1)
            #expect(run.output.isEmpty)
            let expected =
                "\(path): not a known image format, expected JPEG, PNG, BMP, PPM or PGM; use --skip-broken"
            #expect(run.errors.contains(expected))

            let skipping = try normconv(arguments + ["--skip-broken", "--json"])
            #expect(skipping.code == 0)
            #expect(skipping.errors.contains("left out: \(path): "))
            let report = try skipping.json()
            #expect(report["images"] as? Int == 5)
            let broken = try #require(report["broken"] as? [[String: String]])
            #expect(broken.compactMap { $0["file"] } == [path])
            let text = try normconv(arguments + ["--skip-broken", "--quiet"])
            #expect(text.errors.isEmpty)
            #expect(text.output.contains("  broken        1 image, left out\n"))
        }
    }

    @Test("Of many broken images three are named, and how many more there are; all in JSON")
    func manyBroken() throws {
        try withFolder { folder, classes in
            for index in 1...6 {
                let path = folder + "/dog/broken-\(index).jpg"
                try Data("no image".utf8).write(to: URL(fileURLWithPath: path))
            }
            let run = try normconv(
                ["eval", model, "--data", folder, "--classes", classes] + size + ["--skip-broken", "--json"])
            #expect(run.code == 0)
            let lines = run.errors.split(separator: "\n").filter { $0.hasPrefix("left out: ") }
            try #require(lines.count == 4, "\(run.errors)")
            #expect(lines[2].contains("broken-3.jpg"))
            #expect(lines[3] == "left out: … and 3 more (--json lists them)")
            #expect((try run.json()["broken"] as? [Any])?.count == 6)
        }
    }

    @Test("Classes that nothing assigns to outputs fail the run")
    func classesUnclear() throws {
        try withFolder { folder, _ in
            let run = try normconv(["eval", model, "--data", folder] + size)
            #expect(run.code == 1)
            #expect(
                run.errors.contains(
                    "\(folder): 2 classes, but \(model) has 10 outputs; give the index of the output for each class"
                ))
            #expect(run.errors.contains("--classes FILE"))
        }
    }

    @Test("diff and convert --calibrate read folders too")
    func otherCommands() throws {
        try withFolder { folder, _ in
            let diff = try normconv(["diff", model, model, "--data", folder, "--json"] + size)
            #expect(diff.code == 0)
            #expect(try diff.json()["images"] as? Int == 5)
            for copy in 0..<4 {
                try FileManager.default.copyItem(
                    atPath: folder + "/cat/rgb.png", toPath: folder + "/cat/\(copy).png")
            }
            let arguments = ["--dry-run", "--calibrate", folder, "--epochs", "0", "--json"]
            let convert = try normconv(["convert", model, folder + "/out.safetensors"] + arguments + size)
            #expect(convert.code == 0, "\(convert.errors)")
            let report = try #require(try convert.json()["calibration"] as? [String: Any])
            #expect(report["fitted"] as? Int == 7)
        }
    }

    @Test("diff and convert --calibrate read arrays of either scale and order")
    func arrays() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (path, network) = (
                folder + "/unit.h5", TestFiles.fixture("torchvision-bottleneck.safetensors")
            )
            let output = try HDF5Output(creating: path)
            // Three rows, three columns, three channels: nobody can tell the order.
            let values = (0..<12 * 27).map { Float($0 % 10) / 10 }
            try output.write(
                values.withUnsafeBytes { Array($0) }, of: .float32, shape: [12, 3, 3, 3], to: "images")
            try output.close()
            let diff = ["diff", network, network, "--data", path]
            let convert = [
                "convert", network, folder + "/x.safetensors", "--dry-run", "--epochs", "0", "--calibrate",
                path,
            ]
            for (command, order) in [(diff, "--layout"), (convert, "--image-layout")] {
                let all = command + [order, "nchw", "--scale", "unit"]
                let run = try normconv(all)
                #expect(run.code == 0, "\(run.errors)")
                #expect(try normconv(command).code == 1)
                #expect(try normconv(command + [order, "nchw"]).errors.contains("0…1"))
            }
        }
    }

    @Test(
        "Sizes that make no sense are usage errors",
        arguments: [
            ["--resize", "0"], ["--resize", "12x"], ["--crop", "1x2x3"], ["--crop", "20000"],
            ["--interpolation", "lanczos"],
        ])
    func usage(arguments: [String]) throws {
        #expect(try normconv(["eval", model, "--data", "x"] + arguments).code == 64)
    }
}
