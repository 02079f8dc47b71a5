import Archives
import Foundation
import OrderedJSON
import Tensors

/// The index of a network in several files (shards), checked before any shard is opened: `model.safetensors.index.json`, or
/// `pytorch_model.bin.index.json` of PyTorch's own files.
///
/// Source: `save_torch_state_dict` and `load_state_dict_from_file` in `huggingface_hub/serialization`.
package struct ShardIndex {
    /// The index's path.
    let path: String
    /// Tensor → shard.
    let shards: [String: String]
    /// The shards' names in order.
    let names: [String]
    /// What else the index says, in order; it has the note of a conversion.
    let metadata: [JSON.Member]

    /// How an index's name ends, of safetensors and of PyTorch's own files.
    static let (ending, torchEnding) = (".safetensors.index.json", ".bin.index.json")
    /// Whether shards are PyTorch's own files.
    var isTorch: Bool { !names.contains { $0.hasSuffix(".safetensors") } && path.hasSuffix(Self.torchEnding) }

    /// Bytes of an index: those of a safetensors header, which has more to say.
    static let lengthLimit = SafetensorsHeader.lengthLimit
    /// Shards of a network. Each takes an open file, and a temporary one where it is written.
    static let shardLimit = 60
    static let mapKey = "weight_map"
    static let metadataKey = "metadata"
    static let sizeKey = "total_size"

    /// Nil where the file is other JSON: one without a map of strings, or with names of other formats.
    init?(path: String) throws {
        let file = try RandomAccessFile(path: path)
        guard file.size <= Self.lengthLimit else {
            throw ShardError.tooLong(path: path, found: file.size, limit: Self.lengthLimit)
        }
        let bytes = try file.read(at: 0, count: file.size)
        let json: JSON
        do throws(JSONError) {
            json = try JSON.parse(bytes, depthLimit: 64)
        } catch {
            guard Self.isIndex(path) else { return nil }
            throw ShardError.notJSON(path: path, reason: error)
        }
        guard let map = json[Self.mapKey], Self.isIndex(path) || map.mentionsSafetensors else {
            guard Self.isIndex(path) else { return nil }
            throw ShardError.wrongField(
                path: path, name: Self.mapKey, found: "missing", expected: "an object of tensors and shards")
        }
        self.path = path
        shards = try Self.shards(map, path: path)
        names = Set(shards.values).sorted()
        guard names.count <= Self.shardLimit else {
            throw ShardError.tooManyShards(path: path, found: names.count, limit: Self.shardLimit)
        }
        metadata = json[Self.metadataKey]?.members ?? []
    }

    /// Whether a name is an index's.
    private static func isIndex(_ name: String) -> Bool {
        name.hasSuffix(ending) || name.hasSuffix(torchEnding)
    }

    private static func shards(_ map: JSON, path: String) throws(ShardError) -> [String: String] {
        guard let members = map.members, !members.isEmpty else {
            throw .wrongField(
                path: path, name: mapKey, found: map.excerpt, expected: "an object of tensors and shards")
        }
        var shards: [String: String] = [:]
        for member in members {
            guard let name = member.value.string, isFileName(name) else {
                throw .unsafeName(path: path, parameter: member.key, found: member.value.excerpt)
            }
            shards[member.key] = name
        }
        return shards
    }

    /// Whether a name stays in its folder: no separators, no `..`, no control characters.
    private static func isFileName(_ name: String) -> Bool {
        !["", ".", ".."].contains(name) && name.utf8.count <= 255
            && name.unicodeScalars.allSatisfy {
                $0.value >= 32 && $0.value != 127 && !"/\\".unicodeScalars.contains($0)
            }
    }

    /// The index in a folder, that of safetensors where there are both; the path itself where it is no folder, or has none. Throws `ShardError.severalIndexes`.
    package static func find(_ path: String) throws(ShardError) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let all = names.filter { isIndex($0) && !$0.hasPrefix(".") }.sorted()
        let preferred = all.filter { $0.hasSuffix(ending) }
        let indexes = preferred.isEmpty ? all : preferred
        guard let index = indexes.first else { return path }
        guard indexes.count == 1 else { throw .severalIndexes(path: path, found: indexes) }
        return path + (path.hasSuffix("/") ? "" : "/") + index
    }

    /// Throws `ShardError.oneShard` for a file named as a shard that an index beside it lists.
    static func checkIsWhole(_ path: String) throws(ShardError) {
        let end = path.lastIndex(of: "/")
        let name = String(end.map { path[path.index(after: $0)...] } ?? path[...])
        guard let match = name.wholeMatch(of: /.*-(\d{5})-of-(\d{5})\.(?:safetensors|bin)/),
            let number = Int(match.1), let count = Int(match.2), count > 1
        else { return }
        let folder = end.map { String(path[...$0]) } ?? ""
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        for index in names.sorted() where isIndex(index) {
            if let found = try? ShardIndex(path: folder + index), found.names.contains(name) {
                throw .oneShard(path: path, number: number, count: count, index: index)
            }
        }
    }
}

/// The files of a network that is not opened yet.
package struct NetworkFiles {
    /// The file, which is the index where there are shards, also for the folder of one.
    package let path: String
    /// The names of the shards; none in a network of one file, and in one that is refused when it is opened.
    private let shards: [String]

    /// Looks for shards. What cannot be read is taken for one file, which fails when it is opened.
    package init(_ path: String) {
        let file = (try? ShardIndex.find(path)) ?? path
        self.path = file
        shards = isJSON(file) ? (try? ShardIndex(path: file))?.names ?? [] : []
    }

    /// The file, then the shards in order.
    package var all: [String] { [path] + shards.map { ShardedSafetensorsFile.beside(path, $0) } }

    /// The files that a network with as many shards has at another path.
    package func outputs(at path: String) -> [String] {
        [path]
            + ShardedSafetensorsFile.shardNames(path, count: shards.count).map {
                ShardedSafetensorsFile.beside(path, $0)
            }
    }
}

extension JSON {
    /// Whether one of its values is a name of a safetensors file: Keras' indexes look the same otherwise.
    fileprivate var mentionsSafetensors: Bool {
        members?.contains { $0.value.string?.hasSuffix(".safetensors") == true } ?? false
    }
}
