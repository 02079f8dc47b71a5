import Foundation
import NormConvKit
import TestSupport
import Testing

@Suite("converting several networks")
struct OutputFolderTests {
    private func paths(
        _ inputs: [String], in folder: String = "gn", _ layout: LayoutChoice = .byName
    ) throws -> [String] {
        try OutputFolder(folder, layout: layout, overwriting: false).outputs(for: inputs).map(\.path)
    }

    @Test("outputs have the inputs' names")
    func names() throws {
        #expect(try paths(["a/x.h5", "y.pth", "/b/z.pth.tar"]) == ["gn/x.h5", "gn/y.pth", "gn/z.pth.tar"])
        #expect(try paths(["x.h5"], in: "gn/") == ["gn/x.h5"])
        #expect(try paths(["x.h5"], in: "gn", .keep) == ["gn/x.h5"])
    }

    @Test(
        "a chosen layout changes the ending where it has another one",
        arguments: [
            (OutputLayout.keras, [".h5", ".h5", ".hdf5", ".h5", ".h5"]),
            (.keras3, [".keras", ".keras", ".keras", ".keras", ".keras"]),
            (.weights, [".weights.h5", ".h5", ".hdf5", ".weights.h5", ".weights.h5"]),
            (.torch, [".h5", ".h5", ".hdf5", ".h5", ".h5"]),
            (
                .safetensors,
                [".safetensors", ".safetensors", ".safetensors", ".safetensors", ".safetensors"]
            ),
            (.pth, [".pth", ".pth", ".pth", ".pth.tar", ".pt"]),
        ])
    func endings(layout: OutputLayout, endings: [String]) throws {
        let inputs = ["0.keras", "1.h5", "2.hdf5", "3.pth.tar", "4.pt"]
        let expected = endings.enumerated().map { "gn/\($0)\($1)" }
        #expect(try paths(inputs, .layout(layout)) == expected)
        // Each is a name that the layout may have.
        for path in expected { try OutputName(path).check(.layout(layout)) }
        #expect(
            try paths(["m.safetensors.index.json", "w.weights.h5", "n.ckpt", "o"], .layout(.pth))
                == ["gn/m.pth", "gn/w.pth", "gn/n.pth", "gn/o.pth"])
    }

    @Test("two inputs with one output are refused")
    func sameName() throws {
        #expect(throws: OutputFolderError.sameName(path: "gn/x.h5", found: ["a/x.h5", "b/x.h5"])) {
            try paths(["a/x.h5", "y.h5", "b/x.h5"])
        }
        #expect(throws: OutputFolderError.sameName(path: "gn/x.pth", found: ["x.h5", "x.keras"])) {
            try paths(["x.h5", "x.keras"], .layout(.pth))
        }
    }

    @Test("an output that is one of the inputs is refused, and so is a folder that is a file")
    func taken() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.h5"
            try Data().write(to: URL(fileURLWithPath: path))
            #expect(throws: OutputIsInput.self) { try paths(["y.h5", path], in: folder) }
            #expect(throws: OutputFolderError.notFolder(path: path)) { try paths(["y.h5"], in: path) }
            #expect(throws: OutputFolderError.noName) { try paths(["y.h5"], in: "") }
            let below = OutputFolder(path + "/below", layout: .byName, overwriting: false)
            #expect(throws: OutputFolderError.cannotCreate(path: path + "/below", reason: "Not a directory"))
            {
                try below.create()
            }
            let new = OutputFolder(folder + "/a/b", layout: .byName, overwriting: false)
            try new.create()
            try new.create()
            #expect(FileManager.default.fileExists(atPath: folder + "/a/b"))
        }
    }

    @Test("a folder of shards goes under the name of its index")
    func shards() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            _ = try MadeShards(in: folder)
            #expect(try paths([folder]) == ["gn/model.safetensors.index.json"])
            #expect(try paths([folder], .layout(.safetensors)) == ["gn/model.safetensors"])
            try OutputFolder.check(folder)
            try FileManager.default.removeItem(atPath: folder + "/" + MadeShards.index)
            #expect(throws: ShardError.noIndex(path: folder + "/.")) { try OutputFolder.check(folder + "/.") }
        }
    }

    @Test("shards count among the inputs and among the outputs")
    func shardsOfOthers() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (shard, index) = (MadeShards.names[1], folder + "/" + MadeShards.index)
            try FileManager.default.createDirectory(atPath: folder + "/a", withIntermediateDirectories: true)
            _ = try MadeShards(in: folder)
            #expect(
                throws: OutputFolderError.sameName(path: "gn/\(shard)", found: [index, folder + "/\(shard)"])
            ) { try paths([index, folder + "/\(shard)"]) }
            // One file is written where a layout is chosen.
            #expect(try paths([index, folder + "/\(shard)"], .layout(.pth)).count == 2)
            // A network of one file that has the name of another network's shard, and the folder of that one.
            let single = folder + "/a/\(shard)"
            try FileManager.default.copyItem(
                atPath: TestFiles.fixture("torchvision-bottleneck.safetensors"), toPath: single)
            let error = try #require(
                #expect(throws: OutputIsInput.self) { try paths([single, index], in: folder) })
            #expect("\(error)".hasPrefix("\(folder)/\(shard): is the input \(folder)/\(shard)"), "\(error)")
            // The shards that are written are another input.
            let other = folder + "/a/" + MadeShards.index
            try FileManager.default.copyItem(atPath: index, toPath: other)
            try FileManager.default.removeItem(atPath: index)
            #expect(throws: OutputIsInput.self) { try paths([other, folder + "/\(shard)"], in: folder) }
        }
    }
}
