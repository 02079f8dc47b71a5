import Foundation
import OrderedJSON
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

extension MadeShards {
    fileprivate func open() throws -> any Checkpoint { try openCheckpoint(path(Self.index)) }
}

@Suite("safetensors in several files")
struct ShardTests {
    private func withShards(_ body: (inout MadeShards) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            var shards = try MadeShards(in: folder)
            try body(&shards)
        }
    }

    @Test("an index, or the folder that holds it, is the network that was split", arguments: [true, false])
    func read(isFolder: Bool) throws {
        try withShards { shards in
            let file = try openCheckpoint(isFolder ? shards.folder : shards.path(MadeShards.index))
            #expect(file.layout == .safetensorsShards && file.producer == "PyTorch" && file.note == nil)
            #expect(file.files == ([MadeShards.index] + MadeShards.names).map(shards.path))
            #expect(file.parameters.count == shards.whole.parameters.count)
            for parameter in file.parameters {
                let expected = try shards.whole.parameters[parameter.name]?.readBytes()
                #expect(try parameter.readBytes() == expected, "\(parameter.name)")
            }
        }
    }

    @Test("shards that are links to other folders, as in Hugging Face's cache")
    func links() throws {
        try withShards { shards in
            let cache = shards.path("cache")
            try FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: false)
            for name in MadeShards.names + [MadeShards.index] {
                #expect(symlink("../\(name)", cache + "/" + name) == 0)
            }
            let parameters = try openCheckpoint(cache).parameters
            #expect(Set(parameters.names) == Set(shards.whole.parameters.names))
        }
    }

    @Test("edits are written into the shards they belong to, and the index says so")
    func write() throws {
        try withShards { shards in
            let old = try shards.open()
            let (first, last) = (try #require(old.parameters.names.first), try #require(shards.map.last?.0))
            var edits = ParameterEdits()
            edits.set(first, .remove)
            edits.set("new", .insert(Tensor([1, 2]), .after, neighbour: last))
            let path = shards.path("out.safetensors.index.json")
            let new = try old.rewritten(to: path, edits: edits)
            let names = (1...3).map { "out-0000\($0)-of-00003.safetensors" }
            #expect(new.files == [path] + names.map(shards.path))
            #expect(old.outputs(at: path, edits: edits) == new.files)
            #expect(new.note == "{}" && new.parameters[first] == nil)
            #expect(try new.parameters["new"]?.read() == Tensor([1, 2]))
            for parameter in old.parameters where parameter.name != first {
                let bytes = try parameter.readBytes()
                #expect(try new.parameters[parameter.name]?.readBytes() == bytes, "\(parameter.name)")
            }
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let map = try #require(try JSON.parse(text)["weight_map"])
            #expect(map["new"]?.string == names[2])
            for (name, shard) in shards.map where name != first {
                #expect(map[name]?.string == shard.replacing("model", with: "out"))
            }
            let bytes = new.parameters.reduce(0) { $0 + $1.shape.count * $1.elementType.size }
            #expect(try JSON.parse(text)["metadata"]?["total_size"]?.int == bytes)
            #expect(try SafetensorsFile(path: shards.path(names[0])).producer == "PyTorch")
        }
    }

    @Test("a shard whose tensors are all removed is not written")
    func emptied() throws {
        try withShards { shards in
            var edits = ParameterEdits()
            for (name, shard) in shards.map where shard == MadeShards.names[1] { edits.set(name, .remove) }
            let new = try shards.open().rewritten(to: shards.path("out.safetensors.index.json"), edits: edits)
            let names = ["out-00001-of-00002.safetensors", "out-00002-of-00002.safetensors"]
            #expect(new.files.dropFirst() == names.map(shards.path)[...])
        }
    }

    @Test("where one of the files exists, none is written")
    func exists() throws {
        try withShards { shards in
            let file = try shards.open()
            let taken = shards.path("out-00002-of-00003.safetensors")
            try Data("mine".utf8).write(to: URL(fileURLWithPath: taken))
            let before = try list(shards.folder)
            #expect(throws: CheckpointError.targetExists(path: taken)) {
                try file.rewritten(to: shards.path("out.safetensors.index.json"))
            }
            #expect(try list(shards.folder) == before)
            #expect(try contents(taken) == Data("mine".utf8))
            _ = try file.rewritten(to: shards.path("out.safetensors.index.json"), overwrite: true)
        }
    }
}

@Suite("damaged indexes of shards")
struct ShardErrorTests {
    /// Expects an error after `damage`; it gets the index's path.
    private func expectError(
        _ expected: (String) -> ShardError, _ damage: (inout MadeShards) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            var shards = try MadeShards(in: folder)
            try damage(&shards)
            #expect(throws: expected(shards.path(MadeShards.index))) { try shards.open() }
        }
    }

    private func indexText(_ text: String) -> (inout MadeShards) throws -> Void {
        { try Data(text.utf8).write(to: URL(fileURLWithPath: $0.path(MadeShards.index))) }
    }

    @Test("an index over the limit")
    func tooLong() throws {
        try expectError({ .tooLong(path: $0, found: 100_000_001, limit: 100_000_000) }) { shards in
            #expect(truncate(shards.path(MadeShards.index), 100_000_001) == 0)
        }
    }

    @Test("a tensor that is listed twice")
    func listedTwice() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let shards = try MadeShards(in: folder)
            let path = shards.path(MadeShards.index)
            let text = #"{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}"#
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let error = try #require(#expect(throws: ShardError.self) { try shards.open() })
            guard case .notJSON(path, _) = error else {
                Issue.record("\(error)")
                return
            }
            #expect("\(error)".contains("'a'"), "\(error)")
        }
    }

    @Test(
        "no map, an empty one, or one of another form",
        arguments: ["{}", #"{"weight_map": {}}"#, #"{"weight_map": [1]}"#])
    func noMap(text: String) throws {
        let found = text == "{}" ? "missing" : String(text.dropFirst(15).dropLast())
        try expectError(
            {
                .wrongField(
                    path: $0, name: "weight_map", found: found, expected: "an object of tensors and shards")
            }, indexText(text))
    }

    @Test(
        "shards in other folders, and names that are none",
        arguments: [
            "../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "..", ".", "", "a\\b.safetensors",
            "a\u{0}.safetensors", "a\n.safetensors", String(repeating: "x", count: 256),
        ])
    func unsafeName(name: String) throws {
        let parameter = "conv1.weight"
        try expectError({ path in
            let shown = JSON.string(name).text
            return .unsafeName(
                path: path, parameter: parameter, found: shown.count > 60 ? shown.prefix(60) + "…" : shown)
        }) { shards in
            shards.map = shards.map.map { $0.0 == parameter ? (parameter, name) : $0 }
            try shards.writeIndex()
        }
    }

    @Test("a shard's name that is a number")
    func numericName() throws {
        try expectError(
            { .unsafeName(path: $0, parameter: "a", found: "7") },
            indexText(#"{"weight_map": {"a": 7, "b": "x.safetensors"}}"#))
    }

    @Test("more shards than the limit")
    func tooManyShards() throws {
        try expectError({ .tooManyShards(path: $0, found: 61, limit: 60) }) { shards in
            shards.map = (0..<61).map { ("\($0)", "\($0).safetensors") }
            try shards.writeIndex()
        }
    }

    @Test("a shard that is not there")
    func missingShard() throws {
        let name = MadeShards.names[1]
        try expectError({ .missingShard(path: $0, name: name, reason: "No such file or directory") }) {
            shards in
            try FileManager.default.removeItem(atPath: shards.path(name))
        }
    }

    @Test("a shard that is a folder")
    func folder() throws {
        let name = MadeShards.names[1]
        try expectError({ .missingShard(path: $0, name: name, reason: "not a regular file") }) { shards in
            try FileManager.default.removeItem(atPath: shards.path(name))
            try FileManager.default.createDirectory(
                atPath: shards.path(name), withIntermediateDirectories: false)
        }
    }

    @Test(
        "a shard in another format, and what that says of the download",
        arguments: [
            ("version https://git-lfs.github.com/spec/v1", "it is a Git LFS pointer: run git lfs pull"),
            ("<!DOCTYPE html>", "it looks like an HTML page: the download failed"),
            ("PK\u{3}\u{4}", "it is a zip archive (.keras, .npz or .pth?)"),
            ("", "its header is missing; download it again"),
        ])
    func otherFormat(contents: String, hint: String) throws {
        let name = MadeShards.names[2]
        try expectError({ .otherFormat(path: $0, name: name, hint: hint) }) { shards in
            try Data(contents.utf8).write(to: URL(fileURLWithPath: shards.path(name)))
        }
    }

    @Test("a tensor in another shard than the index says")
    func wrongShard() throws {
        try expectError({
            .wrongShard(
                path: $0, parameter: "conv1.weight", found: MadeShards.names[0], expected: MadeShards.names[1]
            )
        }) { shards in
            shards.map = shards.map.map { $0.0 == "conv1.weight" ? ($0.0, MadeShards.names[1]) : $0 }
            try shards.writeIndex()
        }
    }

    @Test("tensors in two shards: one file under two names")
    func duplicate() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let shards = try MadeShards(in: folder)
            let names = MadeShards.names
            try FileManager.default.removeItem(atPath: shards.path(names[1]))
            #expect(link(shards.path(names[0]), shards.path(names[1])) == 0)
            let error = try #require(#expect(throws: ShardError.self) { try shards.open() })
            guard case .wrongShard(_, _, names[1], names[0]) = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test("a tensor that the index does not list")
    func unlisted() throws {
        try expectError({ .unlisted(path: $0, parameter: "conv1.weight", found: MadeShards.names[0]) }) {
            shards in
            shards.map.removeAll { $0.0 == "conv1.weight" }
            try shards.writeIndex()
        }
    }

    @Test("a tensor that its shard does not have")
    func missingTensor() throws {
        try expectError({ .missingTensor(path: $0, parameter: "extra", expected: MadeShards.names[0]) }) {
            shards in
            shards.map.append(("extra", MadeShards.names[0]))
            try shards.writeIndex()
        }
    }

    @Test("one shard in place of the index; without an index beside it, it is a file like others")
    func oneShard() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let shards = try MadeShards(in: folder)
            let path = shards.path(MadeShards.names[1])
            let error = ShardError.oneShard(path: path, number: 2, count: 3, index: MadeShards.index)
            #expect(throws: error) { try openCheckpoint(path) }
            #expect("\(error)".contains("is shard 2 of 3 of model.safetensors.index.json"))
            // An index of other files, and a name of another form.
            let other = shards.path("other-00001-of-00002.safetensors")
            let whole = shards.path("model-1.safetensors")
            for copy in [other, whole] { try FileManager.default.copyItem(atPath: path, toPath: copy) }
            #expect(try openCheckpoint(other).layout == .safetensors)
            #expect(try openCheckpoint(whole).layout == .safetensors)
            try FileManager.default.removeItem(atPath: shards.path(MadeShards.index))
            #expect(try openCheckpoint(path).layout == .safetensors)
        }
    }

    @Test("a folder with two indexes")
    func severalIndexes() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let shards = try MadeShards(in: folder)
            try FileManager.default.copyItem(
                atPath: shards.path(MadeShards.index), toPath: shards.path("a.safetensors.index.json"))
            #expect(
                throws: ShardError.severalIndexes(
                    path: folder, found: ["a.safetensors.index.json", MadeShards.index])
            ) { try openCheckpoint(folder) }
        }
    }

    @Test(
        "indexes of other formats keep their own error",
        arguments: ["x.weights.json", "tf_model.h5.index.json"])
    func otherIndexes(name: String) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/" + name
            let text = #"{"metadata": {}, "weight_map": {"a": "pytorch_model-00001-of-00002.bin"}}"#
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let error = try #require(#expect(throws: CheckpointError.self) { try openCheckpoint(path) })
            #expect("\(error)".contains("weights in several files (shards)"), "\(error)")
        }
    }
}

@Suite("PyTorch's own files in several parts")
struct TorchShardTests {
    private static let index = "pytorch_model.bin.index.json"
    private static let names = (1...2).map { "pytorch_model-0000\($0)-of-00002.bin" }

    /// A network in two files, the second as the first's neighbour lists it.
    private func withShards(
        listing change: (inout [String: String]) -> Void = { _ in },
        _ body: (_ folder: String, _ whole: any Checkpoint) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let whole = try openCheckpoint(TestFiles.fixture("torchvision-bottleneck.pth"))
            let half = whole.parameters.count / 2
            var map: [String: String] = [:]
            for (name, part) in zip(
                Self.names, [whole.parameters.prefix(half), whole.parameters.dropFirst(half)])
            {
                try NewCheckpoint(
                    parameters: ParameterTable(Array(part)), isKeras: false, modelConfig: nil, note: "{}"
                )
                .write(to: folder + "/" + name, layout: .pth, overwrite: false)
                for parameter in part { map[parameter.name] = name }
            }
            change(&map)
            let json: [String: Any] = ["metadata": ["total_size": 0], "weight_map": map]
            try JSONSerialization.data(withJSONObject: json)
                .write(to: URL(fileURLWithPath: folder + "/" + Self.index))
            try body(folder, whole)
        }
    }

    @Test("an index, or the folder that holds it, is the network that was split; it is written as one file")
    func read() throws {
        try withShards { folder, whole throws in
            for path in [folder, folder + "/" + Self.index] {
                let file = try openCheckpoint(path)
                #expect(file.layout == .torchShards && file.producer == "PyTorch")
                #expect(file.files == ([Self.index] + Self.names).map { folder + "/" + $0 })
                #expect(file.parameters.names == whole.parameters.names)
                let one = try file.rewritten(to: folder + "/one.pth", overwrite: true)
                for parameter in file.parameters {
                    let expected = try whole.parameters[parameter.name]?.readBytes()
                    #expect(try parameter.readBytes() == expected, "\(parameter.name)")
                    #expect(try one.parameters[parameter.name]?.readBytes() == expected, "\(parameter.name)")
                }
            }
        }
    }

    @Test("a tensor that the index does not list, or that no shard has, and a shard alone")
    func disagreements() throws {
        try withShards(listing: { $0["fc.bias"] = nil }) { folder, _ throws in
            let path = folder + "/" + Self.index
            #expect(throws: ShardError.unlisted(path: path, parameter: "fc.bias", found: Self.names[1])) {
                try openCheckpoint(path)
            }
        }
        try withShards(listing: { $0["other"] = Self.names[0] }) { folder, _ throws in
            let path = folder + "/" + Self.index
            #expect(throws: ShardError.missingTensor(path: path, parameter: "other", expected: Self.names[0]))
            {
                try openCheckpoint(path)
            }
        }
        try withShards { folder, _ throws in
            let path = folder + "/" + Self.names[0]
            #expect(throws: ShardError.oneShard(path: path, number: 1, count: 2, index: Self.index)) {
                try openCheckpoint(path)
            }
        }
    }

    @Test("a shard that is missing, and one of another format")
    func damaged() throws {
        try withShards { folder, _ throws in
            let (path, shard) = (folder + "/" + Self.index, folder + "/" + Self.names[1])
            try FileManager.default.removeItem(atPath: shard)
            let missing = #expect(throws: ShardError.self) { try openCheckpoint(path) }
            #expect(missing?.description.contains("download all shards") == true)
            try Data("<html>".utf8).write(to: URL(fileURLWithPath: shard))
            let other = #expect(throws: ShardError.self) { try openCheckpoint(path) }
            #expect(other?.description.contains("'\(Self.names[1])' is not a PyTorch file") == true)
        }
    }
}
