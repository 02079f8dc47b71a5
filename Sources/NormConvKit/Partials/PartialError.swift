import Tensors

/// Why partial results cannot be merged or continued.
package enum PartialError: Error, Equatable, CustomStringConvertible {
    /// The file is not a partial result.
    case notPartial(file: String, reason: String)
    /// A partial result of another format version.
    case otherFormat(file: String, found: Int, expected: Int)
    /// A damaged line.
    case damaged(file: String, line: Int)
    /// The file differs from the partial results that it should be merged with.
    case mixed(file: String, what: String, found: String, expected: String, from: String)
    /// Another part of the split than asked for.
    case otherShard(file: String, found: Shard, expected: Shard)
    /// The same part twice.
    case doubled(file: String, shard: Shard, other: String)
    /// Parts that no file holds.
    case missing(shards: [Int], of: Int)
    /// A run that was interrupted.
    case unfinished(file: String, shard: Shard, images: Int, of: Int)
    /// Another run is writing to the file.
    case inUse(file: String)
    /// The operating system refused.
    case unusable(file: String, reason: String)

    /// The message in one line.
    package var description: String {
        switch self {
        case .notPartial(let file, let reason):
            "\(file): not a partial result of normconv eval: \(reason)"
        case .otherFormat(let file, let found, let expected):
            "\(file): a partial result of format \(found), expected \(expected); score the shard again"
        case .damaged(let file, let line):
            "\(file): line \(line) is damaged: the checksum is wrong, or the images are not in the shard"
        case .mixed(let file, let what, let found, let expected, let from):
            "\(file): \(what): found \(found), expected \(expected) as in \(from)"
        case .otherShard(let file, let found, let expected):
            "\(file): holds shard \(found), expected \(expected)"
        case .doubled(let file, let shard, let other):
            "\(file): shard \(shard) is also in \(other), expected each shard once"
        case .missing(let shards, let count):
            "missing shards: \(shards.listed()) (of \(count)); give the file of every shard"
        case .unfinished(let file, let shard, let images, let all):
            "\(file): shard \(shard) is not finished: \(images) of \(all) images; finish it with eval --resume"
        case .inUse(let file): "\(file): another run is writing to it; wait until it ends"
        case .unusable(let file, let reason): "\(file): \(reason)"
        }
    }
}
