import ArgumentParser
import NormConvKit
import Synchronization

/// How a run is cut into parts and gone on with.
struct PartialArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Score the i-th of n parts of the split, into --partial or --resume; merge puts parts together.",
            valueName: "i/n"))
    var shard: Shard?

    @Option(help: "Keep what is done in a new file, from which merge makes the figures.", completion: .file())
    var partial: String?

    @Option(
        help: """
            The same, and go on with the file if it is there: what a run that was interrupted has done is not done \
            again.
            """, completion: .file())
    var resume: String?

    /// The file that is written.
    var file: String? { partial ?? resume }

    func validate() throws {
        if partial != nil, resume != nil {
            throw ValidationError("--partial begins a new file, --resume goes on with one: give one of them.")
        }
        if shard != nil, file == nil {
            throw ValidationError("--shard needs --partial FILE or --resume FILE for its result.")
        }
    }

    /// What the library wants; nil where nothing is kept.
    func options(architecture: String?, force: Bool) -> PartialOptions? {
        guard let file else { return nil }
        var options = PartialOptions(path: file)
        options.shard = shard ?? .whole
        options.beginning = resume != nil ? .resuming : force ? .overwriting : .new
        options.architecture = architecture
        return options
    }
}

/// The images that a partial result's file holds, for the last line of a run that is interrupted.
final class KeptImages: Sendable {
    private let file: String
    private let total: Int
    private let continuation: String
    private let count = Mutex(Int?.none)

    /// `total` images are to be kept in the arguments' file.
    init(_ part: PartialArguments, of total: Int) {
        (file, self.total) = (part.file ?? "", total)
        continuation =
            part.resume != nil
            ? "the same command goes on with them" : "--resume in place of --partial goes on with them"
    }

    /// Counts more images. Whether these are the first: those of an earlier run.
    func add(_ images: Int) -> Bool {
        count.withLock { count in
            defer { count = (count ?? 0) + images }
            return count == nil
        }
    }

    /// What is kept, and how to go on.
    var farewell: String {
        let kept = count.withLock { $0 } ?? 0
        let images = "\(Formatting.grouped(kept)) of \(Formatting.grouped(total)) images"
        return "Interrupted: \(images) are kept in \(file); \(continuation)"
    }
}

extension Shard: ExpressibleByArgument {
    /// `1/4`
    package init?(argument: String) {
        let numbers = argument.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let index = numbers[0], let count = numbers[1] else { return nil }
        self.init(index, of: count)
    }
}

/// What a run of a shard says of itself.
struct ShardReport: Encodable {
    let schemaVersion = 1
    let partial: String
    let shard: String
    let first: Int
    let images: Int
    let imagesOfSplit: Int

    init(_ options: PartialOptions, split: Split) {
        let range = options.shard.images(of: split.count)
        (partial, shard) = (options.path, options.shard.description)
        (first, images, imagesOfSplit) = (range.lowerBound, range.count, split.count)
    }

    var lines: [String] {
        let last = images > 0 ? ", \(first)…\(first + images - 1)" : ""
        return [
            "Shard \(shard): \(Formatting.grouped(images)) of \(Formatting.grouped(imagesOfSplit)) images\(last)",
            "Wrote \(partial), for normconv merge",
        ]
    }
}
