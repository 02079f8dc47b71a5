import Tensors

/// Why partial results are not of one run, or cannot be gone on with.
package enum PartialError: Error, Equatable, CustomStringConvertible {
    /// Something else than a partial result.
    case notPartial(file: String, reason: String)
    /// A partial result of another version of the form.
    case otherFormat(file: String, found: Int, expected: Int)
    /// A line that is not what was written.
    case damaged(file: String, line: Int)
    /// Other than what it is to be put together with.
    case mixed(file: String, what: String, found: String, expected: String, from: String)
    /// Another part of the split than asked for.
    case otherShard(file: String, found: Shard, expected: Shard)
    /// The same part twice.
    case doubled(file: String, shard: Shard, other: String)
    /// Parts that no file holds.
    case missing(shards: [Int], of: Int)
    /// A run that was interrupted.
    case unfinished(file: String, shard: Shard, images: Int, of: Int)
    /// Another run writes it.
    case inUse(file: String)
    /// The system says no.
    case unusable(file: String, reason: String)

    /// One line for people.
    package var description: String {
        switch self {
        case .notPartial(let file, let reason):
            "\(file): not a partial result of normconv eval: \(reason)"
        case .otherFormat(let file, let found, let expected):
            "\(file): a partial result of form \(found), expected \(expected)"
        case .damaged(let file, let line):
            "\(file): line \(line) is damaged: its checksum does not fit, or its images are not the shard's"
        case .mixed(let file, let what, let found, let expected, let from):
            "\(file): \(what): found \(found), expected \(expected) as in \(from)"
        case .otherShard(let file, let found, let expected):
            "\(file): holds shard \(found), expected \(expected)"
        case .doubled(let file, let shard, let other):
            "\(file): shard \(shard) is in \(other) too, expected each once"
        case .missing(let shards, let count):
            "shards missing of \(count): \(shards.listed()); expected a file of each"
        case .unfinished(let file, let shard, let images, let all):
            "\(file): shard \(shard) is not finished: \(images) of \(all) images; --resume goes on with it"
        case .inUse(let file): "\(file): another run is writing it"
        case .unusable(let file, let reason): "\(file): \(reason)"
        }
    }
}
