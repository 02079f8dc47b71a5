import Checkpoints
import Foundation
import Tensors

/// A network in three safetensors files and their index, made of a fixture that is one file.
package struct MadeShards {
    /// The index's name.
    package static let index = "model.safetensors.index.json"
    /// The files' names.
    package static let names = (1...3).map { "model-0000\($0)-of-00003.safetensors" }
    /// The network that is split.
    package let whole: any Checkpoint
    /// The folder that holds all.
    package let folder: String
    /// Tensors in their order, and their shards.
    package var map: [(tensor: String, shard: String)]

    /// Writes all files.
    package init(in folder: String) throws {
        let whole = try openCheckpoint(TestFiles.fixture("torchvision-bottleneck.safetensors"))
        let parameters = whole.parameters
        map = parameters.names.enumerated().map { ($1, Self.names[$0 * 3 / parameters.count]) }
        self.whole = whole
        self.folder = folder
        for name in Self.names {
            let table = ParameterTable(map.filter { $0.shard == name }.compactMap { parameters[$0.tensor] })
            try NewCheckpoint(parameters: table, isKeras: false, modelConfig: nil, note: "{}")
                .write(to: path(name), layout: .safetensors, overwrite: false)
        }
        try writeIndex()
    }

    /// The path of a file in the folder.
    package func path(_ name: String) -> String { folder + "/" + name }

    /// Writes the index anew, after `map` was changed.
    package func writeIndex() throws {
        let shards = Dictionary(uniqueKeysWithValues: map.map { ($0.tensor, $0.shard) })
        let json: [String: Any] = ["metadata": ["total_size": 0], "weight_map": shards]
        try JSONSerialization.data(withJSONObject: json).write(to: URL(fileURLWithPath: path(Self.index)))
    }
}
