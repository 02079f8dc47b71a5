import Foundation
import HDF5
import NormConvKit
import TestSupport
import Testing

@Suite("what is assumed of a network that is scored")
struct NormOptionTests {
    private static let split = TestFiles.fixture("mnist-test.h5")

    /// A small CIFAR ResNet without running statistics, for grey images.
    private func withNetwork(_ body: (String) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            var layers: [MadeLayer] = []
            var inputs = 1
            func add(_ convolution: String, _ norm: String, _ outputs: Int) {
                layers.append(.convolution(convolution, inputs, outputs))
                var norm = MadeLayer.norm(norm, outputs)
                norm.parameters.removeLast(2)
                layers.append(norm)
                inputs = outputs
            }
            add("conv1", "bn1", 32)
            for (stage, outputs) in [32, 64, 128].enumerated() {
                for index in 1...2 {
                    add("layer\(stage + 1).0.conv\(index)", "layer\(stage + 1).0.bn\(index)", outputs)
                }
            }
            let path = folder + "/gn.h5"
            let dense = (0..<1280).map { Float($0 * 31 % 17) / 16 - 0.5 }
            layers.append(MadeLayer(name: "fc", parameters: [("kernel", [10, 128], dense)]))
            try MadeLayout.torch.write(layers, to: path)
            try body(path)
        }
    }

    @Test("norms that nobody told of are refused by every command that scores, and accepted with --norm")
    func scores() throws {
        try withNetwork { path throws in
            let other = TestFiles.fixture("mnist-resnet.torch.h5")
            for command in [["eval", path], ["sweep", other, path], ["diff", other, path]] {
                let run = try normconv(command + ["--data", Self.split, "--preprocess", "raw", "--quiet"])
                #expect(run.code == 1 && run.output.isEmpty, "\(command)")
                #expect(run.errors.contains("--norm group --norm-groups N, --norm instance"), "\(command)")
            }
            let kinds = [
                ["--norm-groups", "8"], ["--norm", "group", "--norm-groups", "8"], ["--norm", "instance"],
            ]
            let scores = try kinds.map { kind in
                let run = try normconv(
                    ["eval", path, "--data", Self.split, "--preprocess", "raw", "--json"] + kind)
                #expect(run.code == 0, "\(run.errors)")
                let models = try #require(try run.json()["models"] as? [[String: Any]])
                let assumptions = try #require(models[0]["assumptions"] as? [String])
                let word =
                    kind.contains("instance")
                    ? "InstanceNorm, by option" : "GroupNorm with 8 groups, by option"
                #expect(assumptions.contains { $0.contains(word) })
                #expect(assumptions.contains { $0.hasPrefix("strides, pools, activations: ") })
                // The same on standard error, as a warning.
                for assumption in assumptions { #expect(run.errors.contains(assumption)) }
                #expect(run.errors.hasPrefix("warning: \(path): assumed: "))
                return try #require((models[0]["nll"] as? [String: Any])?["value"] as? Double)
            }
            #expect(scores[0] == scores[1] && scores[0] != scores[2])
        }
    }

    @Test("another layout would make knowledge of the guess: nothing is written until --norm says")
    func layout() throws {
        try withNetwork { path throws in
            let output = path + ".safetensors"
            let run = try normconv("convert", path, output, "--to", "none")
            #expect(run.code == 1 && run.errors.contains("--norm instance"))
            #expect(!FileManager.default.fileExists(atPath: output))
            let told = try normconv("convert", path, output, "--to", "none", "--norm", "layer")
            #expect(told.code == 0, "\(told.errors)")
            #expect(try Model(path: output).note?.norms.values.allSatisfy { $0.groups == 1 } == true)
        }
    }

    @Test("nothing is assumed of a network that its configuration tells, and --quiet says nothing")
    func configuration() throws {
        let model = TestFiles.fixture("mnist-resnet.keras3.h5")
        let run = try normconv("eval", model, "--data", Self.split, "--json")
        let models = try #require(try run.json()["models"] as? [[String: Any]])
        #expect(models[0]["assumptions"] as? [String] == [])
        #expect(!run.errors.contains("assumed"))
        let torch = TestFiles.fixture("mnist-resnet.torch.h5")
        let quiet = try normconv(
            "eval", torch, "--data", Self.split, "--preprocess", "raw", "--quiet", "--json")
        #expect(quiet.errors.isEmpty)
    }

    @Test("a run is not resumed with other norms")
    func resume() throws {
        try withNetwork { path throws in
            let part = path + ".json"
            let arguments = [
                "eval", path, "--data", Self.split, "--preprocess", "raw", "--quiet", "--resume", part,
                "--norm-groups",
            ]
            #expect(try normconv(arguments + ["8"]).code == 0)
            let other = try normconv(arguments + ["4"])
            #expect(other.code == 1 && other.errors.contains("GroupNorm with 4 groups"))
        }
    }

    @Test(
        "--norm options that do not go together are wrong usage",
        arguments: [
            ["--norm", "group"], ["--norm", "instance", "--norm-groups", "2"], ["--norm-groups", "0"],
            ["--norm", "batch"],
        ])
    func usage(options: [String]) throws {
        let run = try normconv(["eval", "x.h5", "--data", "y.h5"] + options)
        #expect(run.code == 64 && run.errors.contains(options[0]))
    }
}
