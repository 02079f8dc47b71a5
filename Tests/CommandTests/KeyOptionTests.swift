import Foundation
import NormConvKit
import TestSupport
import Testing

@Suite("--key: one of several networks in a PyTorch checkpoint")
struct KeyOptionTests {
    private let two = TestFiles.fixture("pickles/two.pth")

    @Test("several networks of one size are refused with the list of keys")
    func several() throws {
        for arguments in [["inspect", two], ["convert", two, "--dry-run", "out.safetensors"]] {
            let run = try normconv(arguments)
            #expect(run.code == 1 && run.output.isEmpty)
            #expect(
                run.errors
                    == "Error: \(two): found several networks of the same size: 'online' (11 tensors), 'target' (11 "
                    + "tensors); choose one with --key\n")
        }
    }

    @Test("the network of the key is the one that is read and written", arguments: ["online", "target"])
    func chosen(key: String) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let output = folder + "/out.safetensors"
            let run = try normconv(["convert", two, output, "--to", "none", "--key", key])
            #expect(run.code == 0, "\(run.errors)")
            let found = try Model(path: output).checkpoint.parameters
            let truth = try Model(
                path: TestFiles.fixture("pickles/\(key == "online" ? "state" : "averaged").safetensors")
            ).checkpoint.parameters
            #expect(Set(found.names) == Set(truth.names))
            for parameter in truth {
                #expect(try found[parameter.name]?.readBytes() == parameter.readBytes(), "\(parameter.name)")
            }
        }
    }

    @Test("a wrong key, and one for a file that holds one network")
    func wrong() throws {
        let unknown = try normconv(["inspect", two, "--key", "model"])
        #expect(unknown.code == 1)
        #expect(
            unknown.errors.contains(
                "no tensors under the key 'model'; --key takes 'online' (11 tensors), 'target'"))
        let keras = try normconv(["inspect", TestFiles.fixture("mnist-sequential.keras"), "--key", "model"])
        #expect(keras.code == 1)
        #expect(keras.errors.contains("--key 'model': found Keras 3 model (.keras), which holds one network"))
    }

    @Test("with several files a key is for the checkpoints among them, of which there must be one")
    func severalFiles() throws {
        let network = TestFiles.fixture("mnist-resnet.torch.h5")
        let data = ["--data", TestFiles.fixture("mnist-test.h5"), "--key", "target"]
        let none = try normconv(["diff", network, network] + data)
        #expect(none.code == 1 && none.errors.contains("--key 'target': found PyTorch names"))
        let several = try normconv(["diff", network, two, "--quiet"] + data.prefix(2))
        #expect(several.code == 1 && several.errors.contains("choose one with --key"))
        // The key is known to the checkpoint, and the images are not such a network's.
        let one = try normconv(["diff", network, two, "--quiet"] + data)
        #expect(one.code == 1 && !one.errors.contains("--key"))
    }

    @Test("inspect says under which key it read the network, where the file has others")
    func readUnder() throws {
        let line = "  read under    'state_dict'; also 'model_ema' (--key)\n"
        let file = TestFiles.fixture("pickles/checkpoint.pth")
        let run = try normconv(["inspect", file])
        #expect(run.output.contains(line), "\(run.output)")
        let average = try normconv(["inspect", file, "--key", "model_ema"])
        #expect(average.output.contains("  read under    'model_ema'; also 'state_dict' (--key)\n"))
        #expect(
            try !normconv(["inspect", TestFiles.fixture("pickles/pairs.pth")]).output.contains("read under"))
    }

    @Test("a whole module whose class nobody has is converted")
    func module() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            for file in ["module.pth", "module-old.pth", "script.pt", "arrays-5.pkl"] {
                let output = folder + "/\(file).safetensors"
                let run = try normconv([
                    "convert", TestFiles.fixture("pickles/\(file)"), output, "--groups", "2",
                ])
                #expect(run.code == 0, "\(run.errors)")
                let names = try Model(path: output).checkpoint.parameters.names
                #expect(names.contains("bn1.weight") && !names.contains("bn1.running_var"))
            }
        }
    }

    @Test(
        "a module or TorchScript that is written as a state dict loses its class and code, which convert says",
        arguments: [
            ("module.pth", true), ("module-old.pth", true), ("script.pt", true), ("pairs.pth", false),
        ])
    func lostClass(file: String, isModule: Bool) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let input = folder + "/" + file
            try FileManager.default.copyItem(
                atPath: TestFiles.fixture("pickles/\(file)"), toPath: input)
            let dropped = "the module's class and code: the output is a state dict"
            for target in [[folder + "/out.pth"], ["--output-dir", folder + "/gn"], ["--in-place"]] {
                let run = try normconv(["convert", input] + target + ["--groups", "2"])
                #expect(run.code == 0, "\(run.errors)")
                #expect(run.output.contains(dropped) == isModule, "\(run.output)")
            }
        }
    }
}
