import Foundation
import NormConvKit
import TestSupport
import Testing

@Suite("networks in several files")
struct ShardedNetworkTests {
    private let options = ConversionOptions(groups: .perGroup(4))

    @Test("a conversion gives the parameters that the same network in one file gives, in both layouts")
    func conversion() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let shards = try MadeShards(in: folder)
            let (one, several) = (folder + "/gn.safetensors", folder + "/gn.safetensors.index.json")
            let expected = folder + "/expected.safetensors"
            try Model(shards.whole.path).converting(options).write(to: expected)
            let model = try Model(folder)
            #expect(model.path == shards.path(MadeShards.index))
            let report = try model.converting(options).write(to: several)
            #expect(report.output == several)
            try model.converting(options).write(to: one)
            let parameters = try openCheckpoint(expected).parameters
            #expect(parameters.count > 60)
            for path in [one, several] {
                let written = try Model(path)
                #expect(Set(written.checkpoint.parameters.names) == Set(parameters.names))
                for parameter in parameters {
                    let bytes = try parameter.readBytes()
                    let name = parameter.name
                    #expect(try written.checkpoint.parameters[name]?.readBytes() == bytes, "\(path): \(name)")
                }
                // Its groups are known again.
                #expect(written.unknownNorms.isEmpty && written.note?.groups == "size:4")
            }
        }
    }

    @Test("outputs that are the index or a shard of the input are refused, by any name, and nothing changes")
    func outputIsInput() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let shards = try MadeShards(in: folder)
            let link = shards.path("link.safetensors")
            #expect(symlink(MadeShards.names[1], link) == 0)
            let before = try shards.files()
            let conversion = try Model(folder).converting(options)
            for path in [shards.path(MadeShards.index), shards.path(MadeShards.names[2]), link] {
                let error = try #require(
                    #expect(throws: NormConvError.self) { try conversion.write(to: path, overwriting: true) })
                #expect(error.underlying is OutputIsInput, "\(error)")
            }
            #expect(try shards.files() == before)
        }
    }

    @Test("shards of the output that are the input's are refused: an index may name any files")
    func shardIsInput() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let shards = try MadeShards(in: folder)
            let index = shards.path("other.safetensors.index.json")
            try FileManager.default.moveItem(atPath: shards.path(MadeShards.index), toPath: index)
            let before = try shards.files()
            let conversion = try Model(index).converting(options)
            let error = try #require(
                #expect(throws: NormConvError.self) {
                    try conversion.write(to: shards.path(MadeShards.index), overwriting: true)
                })
            #expect(error.description.contains("model-00001-of-00003.safetensors: is the input"), "\(error)")
            #expect(try shards.files() == before)
        }
    }

    @Test("a network in several files is not replaced in place")
    func inPlace() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let shards = try MadeShards(in: folder)
            let before = try shards.files()
            let conversion = try Model(folder).converting(options)
            let error = try #require(#expect(throws: NormConvError.self) { try conversion.replaceInput() })
            #expect(error.description.contains("x.safetensors.index.json"), "\(error)")
            #expect(try shards.files() == before)
        }
    }
}

extension MadeShards {
    /// The contents of all files in the folder.
    fileprivate func files() throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(fileURLWithPath: path($0)))) })
    }
}
