import Foundation
import NormConvKit
import TestSupport
import Testing

private let model = TestFiles.fixture("mnist-resnet.keras3.h5")

@Suite("convert: layouts")
struct LayoutCommandTests {
    @Test("--ws layer writes registered layers and their Python, and scores as the baked weights do")
    func layers() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (layered, baked) = (folder + "/layer.h5", folder + "/baked.h5")
            for (output, ws) in [(layered, "layer"), (baked, "on")] {
                let run = try normconv("convert", model, output, "--groups", "size:8", "--ws", ws, "--quiet")
                #expect(run.code == 0, "\(run.errors)")
            }
            let checkpoint = try Model(path: layered).checkpoint
            let config = try #require(checkpoint.modelConfig)
            let note = try #require(checkpoint.note.flatMap(ConversionNote.init(json:)))
            #expect(config.components(separatedBy: "normconv>StandardizedConv2D").count - 1 == 9)
            #expect(note.kerasLayer == StandardizedConvolutionLayer.python)
            #expect(try Model(path: baked).checkpoint.modelConfig?.contains("StandardizedConv2D") == false)

            // The engine sees the same kernels: at most rounding parts the scores of 1,000 images.
            let split = TestFiles.fixture("mnist-test.h5")
            let run = try normconv("eval", layered, "--data", split, "--against", baked, "--json")
            #expect(run.code == 0, "\(run.errors)")
            let models = try #require(try run.json()["models"] as? [[String: Any]])
            let comparison = try #require(models[0]["comparison"] as? [String: Any])
            let agreement = try #require(comparison["agreement"] as? [String: Any])
            #expect(try #require(agreement["count"] as? Int) >= 999)
        }
    }

    @Test("Documentation/Formats.md shows the layer's Python as it is written")
    func python() throws {
        let document = try String(
            contentsOf: TestFiles.root.appendingPathComponent("Documentation/Formats.md"), encoding: .utf8)
        #expect(document.contains("```python\n" + StandardizedConvolutionLayer.python + "\n```"))
    }

    @Test(
        "without --layout, the output's name tells the layout where the input's cannot be meant",
        arguments: [
            ("mnist-resnet.keras3.h5", "x.h5", "keras-legacy"),
            ("mnist-resnet.keras3.h5", "x.hdf5", "keras-legacy"),
            ("mnist-resnet.keras3.h5", "x.keras", "keras"),
            ("mnist-resnet.keras3.h5", "x.safetensors", "safetensors"),
            ("mnist-resnet.keras3.h5", "x.weights.h5", "keras-weights"),
            ("mnist-sequential.keras", "x.h5", "keras-legacy"),
            ("torchvision-bottleneck.safetensors", "x.h5", "torch"),
            ("torchvision-bottleneck.safetensors", "x.keras", "keras"),
            ("torchvision-bottleneck.pth", "x.safetensors", "safetensors"),
            ("torchvision-bottleneck.pth", "x.pth", "pth"),
            ("torchvision-bottleneck.safetensors", "x.pt", "pth"),
            ("mnist-resnet.keras3.h5", "x.bin", "pth"),
            ("mnist-resnet.torch-nested.h5", "x.h5", "torch-nested"),
        ])
    func defaultLayout(input: String, output: String, layout: String) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/" + output
            let run = try normconv(
                "convert", TestFiles.fixture(input), path, "--groups", "size:4", "--quiet")
            #expect(run.code == 0, "\(run.errors)")
            #expect(try openCheckpoint(path).layout.rawValue == layout)
        }
    }

    @Test(
        "layout options that do not go together are wrong usage",
        arguments: [
            ["--layout", "npz"], ["--ws", "layer", "--ws-eps", "paper"], ["--to", "none", "--groups", "4"],
            ["--to", "none", "--ws", "on"], ["--to", "none", "--add-bias"],
            ["--to", "none", "--init", "copy"], ["--to", "none", "--epsilon", "1e-3"],
            ["--to", "none", "--ws-eps", "timm"],
        ])
    func usage(options: [String]) throws {
        let run = try normconv(["convert", "in.h5", "out.h5"] + options)
        #expect(run.code == 64)
        #expect(run.output.isEmpty)
        #expect(run.errors.contains(options[0]))
    }

    @Test("--ws layer is refused where the output is not Keras', and nothing is written")
    func layersElsewhere() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let output = folder + "/x.safetensors"
            let run = try normconv("convert", model, output, "--ws", "layer")
            #expect(run.code == 1)
            #expect(run.errors.contains("--layout keras"))
            #expect(!FileManager.default.fileExists(atPath: output))
        }
    }

    @Test(
        "nothing is written under a name that says another format, or none, and the input is not even opened",
        arguments: ["x.ckpt", "x.onnx", "x.tflite", "x.pb", "x", "x.txt", "x.h5/"])
    func otherNames(name: String) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let run = try normconv("convert", folder + "/missing.h5", folder + "/" + name)
            #expect(run.code == 1 && run.errors.contains("x.safetensors"))
            #expect(run.errors.hasPrefix("Error: \(folder)/\(name): "), "\(run.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("--to none takes another preprocessing into a converted file, and says that the rest stays")
    func preprocessing() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (converted, other) = (folder + "/gn.h5", folder + "/tf.h5")
            #expect(try normconv("convert", model, converted, "--preprocess", "unit").code == 0)
            let run = try normconv("convert", converted, other, "--to", "none", "--preprocess", "tf")
            #expect(run.code == 0 && run.output.contains("Norms and weights are unchanged"))
            let note = try #require(try Model(path: other).note)
            #expect(note.preprocess == "tf" && note.to == "gn")
            let kept = try normconv("convert", converted, folder + "/kept.h5", "--to", "none")
            #expect(kept.code == 0)
            #expect(try Model(path: folder + "/kept.h5").note?.preprocess == "unit")
        }
    }

    @Test("BiT's archives are written back as such")
    func numpyArchive() throws {
        try TestFiles.withNamedNetwork("bit.npz") { path throws in
            let run = try normconv("convert", path, path + ".new.npz", "--to", "none")
            #expect(run.code == 0, "\(run.errors)")
            let (old, new) = (try openCheckpoint(path), try openCheckpoint(path + ".new.npz"))
            #expect(new.layout == .numpyArchive)
            for parameter in old.parameters {
                let bytes = try parameter.readBytes()
                #expect(bytes != nil)
                #expect(try new.parameters[parameter.name]?.readBytes() == bytes, "\(parameter.name)")
            }
        }
    }

    @Test("other files are not written under a name of BiT's archives")
    func numpyName() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let output = folder + "/x.npz"
            let run = try normconv("convert", model, output)
            #expect(run.code == 1)
            #expect(run.errors.contains("x.safetensors"))
            #expect(!FileManager.default.fileExists(atPath: output))
            let forced = try normconv("convert", model, output, "--layout", "keep")
            #expect(forced.code == 1)
        }
    }
}
