import Foundation
import NormConvKit
import TestSupport
import Testing

@Suite("names of outputs")
struct OutputNameTests {
    /// The layout, nil where the input's stays.
    private func layout(
        _ name: String, _ choice: LayoutChoice = .byName, from input: Layout = .kerasLegacy
    ) throws(OutputNameError) -> OutputLayout? {
        try OutputName(name).layout(choice, from: input)
    }

    @Test(
        "a name of another format is refused before anything is read, whatever layout is chosen",
        arguments: [
            ("x.onnx", "ONNX"), ("x.tflite", "TensorFlow Lite"), ("x.pb", "TensorFlow graphs"),
            ("x.ckpt", "training checkpoints"), ("x.pkl", "pickles"), ("x.mlmodel", "Core ML"),
            ("x.msgpack", "msgpack"), ("x.gguf", "GGUF"),
            ("x.npy", "single numpy arrays"), ("x.h5.gz", "compressed files"), ("x.zip", "zip archives"),
            ("x.tar", "tar archives"),
        ])
    func otherFormat(name: String, format: String) {
        for choice in [.byName, .keep] + OutputLayout.allCases.map(LayoutChoice.layout) {
            #expect(throws: OutputNameError.otherFormat(path: name, format: format)) {
                try OutputName(name).check(choice)
            }
        }
    }

    @Test(
        "a name that says no layout needs one that is chosen",
        arguments: ["x", "x.txt", "x.safetensor", "x.kears", "a.h5/x", ".", "..", "x.h5.new", "keras"])
    func unknown(name: String) throws {
        let isFolder = [".", ".."].contains(name)
        let error: OutputNameError = isFolder ? .folder(path: name) : .unknownEnding(path: name)
        #expect(throws: error) { try OutputName(name).check(.byName) }
        if isFolder { return }
        #expect(try layout(name, .keep) == nil)
        #expect(try layout(name, .layout(.torch)) == .torch)
    }

    @Test("standard output and folders are refused", arguments: ["-", "/dev/stdout"])
    func standardOutput(name: String) throws {
        for choice in [LayoutChoice.byName, .keep, .layout(.keras)] {
            #expect(throws: OutputNameError.standardOutput(path: name)) { try OutputName(name).check(choice) }
            #expect(throws: OutputNameError.folder(path: "x.h5/")) { try OutputName("x.h5/").check(choice) }
        }
        #expect(throws: OutputNameError.unknownEnding(path: "''")) { try OutputName("").check(.byName) }
        try TestFiles.withTemporaryFolder { folder throws in
            try FileManager.default.createDirectory(
                atPath: folder + "/x.h5", withIntermediateDirectories: false)
            #expect(throws: OutputNameError.folder(path: folder + "/x.h5")) {
                try OutputName(folder + "/x.h5").check(.byName)
            }
        }
    }

    @Test("what each name gives, from each layout")
    func byName() throws {
        /// The same layout from every input but one.
        func all(_ layout: OutputLayout, but same: Layout) -> [Layout: OutputLayout?] {
            Dictionary(uniqueKeysWithValues: Layout.allCases.map { ($0, $0 == same ? nil : layout) })
        }
        let toHDF5: [Layout: OutputLayout?] = [
            .kerasArchive: .keras, .safetensors: .torch, .safetensorsShards: .torch, .torchZip: .torch,
            .torchShards: .torch, .torchLegacy: .torch, .torchScript: .torch, .pickle: .torch,
            .numpyArchive: .torch,
        ]
        let expected: [(String, [Layout: OutputLayout?])] = [
            ("x.h5", toHDF5), ("x.HDF5", toHDF5), ("x.safetensors", all(.safetensors, but: .safetensors)),
            ("x.keras", all(.keras3, but: .kerasArchive)),
            ("x.weights.h5", all(.weights, but: .kerasWeights)),
            ("x.pth", all(.pth, but: .torchZip)), ("model_best.pth.tar", all(.pth, but: .torchZip)),
            ("x.PT", all(.pth, but: .torchZip)),
            ("pytorch_model.bin", all(.pth, but: .torchZip)),
        ]
        for (name, layouts) in expected {
            for input in Layout.allCases {
                #expect(try layout(name, from: input) == layouts[input] ?? nil, "\(name) from \(input)")
            }
        }
        let index = "x.safetensors.index.json"
        for input in Layout.allCases where input != .safetensorsShards {
            #expect(throws: OutputNameError.shards(path: index)) { try layout(index, from: input) }
        }
        #expect(try layout(index, from: .safetensorsShards) == nil)
        for input in Layout.allCases where input != .numpyArchive {
            #expect(throws: OutputNameError.numpyArchive(path: "x.npz")) { try layout("x.npz", from: input) }
        }
        #expect(try layout("x.npz", from: .numpyArchive) == nil)
    }

    @Test("a layout that is chosen is not written under another's name")
    func contradiction() throws {
        let allowed: [String: Set<OutputLayout>] = [
            "x.h5": [.keras, .weights, .torch], "x.hdf5": [.keras, .weights, .torch], "x.keras": [.keras3],
            "x.weights.h5": [.weights], "x.safetensors": [.safetensors], "x.npz": [],
            "x.pth": [.pth], "x.pth.tar": [.pth], "x.pt": [.pth], "x.bin": [.pth],
            "x.safetensors.index.json": [],
        ]
        for (name, layouts) in allowed {
            for choice in OutputLayout.allCases {
                if layouts.contains(choice) {
                    #expect(try layout(name, .layout(choice)) == choice)
                } else {
                    let ending = String(name.dropFirst())
                    let error = OutputNameError.otherLayout(
                        path: name, found: choice.rawValue, ending: ending)
                    #expect(throws: error) { try layout(name, .layout(choice)) }
                }
            }
        }
        #expect(throws: OutputNameError.self) { try layout("x.safetensors", .keep) }
        #expect(throws: OutputNameError.self) { try layout("x.h5", .keep, from: .safetensors) }
        #expect(try layout("x.h5", .keep, from: .torchNested) == nil)
        for input in [Layout.torchZip, .torchLegacy, .torchScript, .pickle] {
            #expect(try layout("x.pt", .keep, from: input) == nil)
        }
    }

    @Test("every refusal names the names that work, and their layouts")
    func wayOn() {
        let errors: [OutputNameError] = [
            .otherFormat(path: "p", format: "f"), .unknownEnding(path: "p"), .standardOutput(path: "p"),
            .folder(path: "p"), .numpyArchive(path: "p"), .shards(path: "p"),
            .otherLayout(path: "p", found: "f", ending: ".e"),
        ]
        for error in errors {
            for word in [
                "x.h5", "x.keras", "x.weights.h5", "x.safetensors", "x.pth", "Keras full model",
                "PyTorch names",
            ] {
                #expect(error.description.contains(word), "\(error)")
            }
        }
    }
}
