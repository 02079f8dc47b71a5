import OrderedJSON
import Tensors

/// Why the index of a network in several files, or one of these files (shards), is refused. `path` is the
/// index, unless the case says otherwise.
package enum ShardError: Error, Equatable {
    /// An index over the limit.
    case tooLong(path: String, found: Int, limit: Int)
    /// An index that is not JSON, or has a key twice.
    case notJSON(path: String, reason: JSONError)
    /// A field of another form.
    case wrongField(path: String, name: String, found: String, expected: String)
    /// A shard's name that is no name of a file in the index's folder.
    case unsafeName(path: String, parameter: String, found: String)
    /// More shards than are read.
    case tooManyShards(path: String, found: Int, limit: Int)
    /// A shard that is not there, or no file.
    case missingShard(path: String, name: String, reason: String)
    /// A shard in another format.
    case otherFormat(path: String, name: String, hint: String, isTorch: Bool = false)
    /// A tensor in another shard than the index says, or in a second one.
    case wrongShard(path: String, parameter: String, found: String, expected: String)
    /// A tensor that the index does not list.
    case unlisted(path: String, parameter: String, found: String)
    /// A tensor that its shard does not have.
    case missingTensor(path: String, parameter: String, expected: String)
    /// A folder with more than one index.
    case severalIndexes(path: String, found: [String])
    /// A folder without an index.
    case noIndex(path: String)
    /// One shard, at `path`, in place of the index beside it.
    case oneShard(path: String, number: Int, count: Int, index: String)
}

extension ShardError: CustomStringConvertible {
    /// The message in one line: the index, the shard or tensor, what was found and what was expected.
    package var description: String {
        switch self {
        case .tooLong(let path, let found, let limit):
            "\(path): index of \(found) bytes, expected at most \(limit)"
        case .notJSON(let path, let reason): "\(path): index of shards: \(reason)"
        case .wrongField(let path, let name, let found, let expected):
            "\(path): '\(name)' is \(found), expected \(expected)"
        case .unsafeName(let path, let parameter, let found):
            "\(path): tensor '\(parameter)': shard \(found), expected the name of a file in the same folder"
        case .tooManyShards(let path, let found, let limit):
            "\(path): \(found) shards, expected at most \(limit); save fewer, larger ones in PyTorch"
        case .missingShard(let path, let name, let reason):
            "\(path): shard '\(name)': \(reason); download all shards into the index's folder"
        case .otherFormat(let path, let name, let hint, let isTorch):
            "\(path): shard '\(name)' is not a \(isTorch ? "PyTorch" : "safetensors") file: \(hint)"
        case .wrongShard(let path, let parameter, let found, let expected):
            "\(path): tensor '\(parameter)' is in shard '\(found)', expected in '\(expected)' alone"
        case .unlisted(let path, let parameter, let found):
            "\(path): tensor '\(parameter)' in shard '\(found)' is not in the index, expected in 'weight_map'"
        case .missingTensor(let path, let parameter, let expected):
            "\(path): tensor '\(parameter)' is missing, expected in shard '\(expected)'"
        case .severalIndexes(let path, let found):
            "\(path): found \(found.count) indexes (\(found.map { "'\($0)'" }.listed())), expected one; name the index itself"
        case .noIndex(let path):
            "\(path): is a folder without an index of shards (x.safetensors.index.json, x.bin.index.json), expected a network's file; name the "
                + "file"
        case .oneShard(let path, let number, let count, let index):
            "\(path): is shard \(number) of \(count) of \(index), expected the whole network; give that file"
        }
    }
}
