import ArgumentParser
import NormConvKit
import Synchronization

/// Options that split a run into shards and continue an interrupted one.
struct PartialArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Score only part i of n of the split. Needs --partial or --resume. Combine the parts with merge.",
            valueName: "i/n"))
    var shard: Shard?

    @Option(
        help: "Write the result of each image to a new partial result, for merge or --resume.",
        completion: .file())
    var partial: String?

    @Option(
        help: "Like --partial, but continue from the file if it exists: images in it are not scored again.",
        completion: .file())
    var resume: String?

    /// The file that is written.
    var file: String? { partial ?? resume }

    func validate() throws {
        if partial != nil, resume != nil {
            throw ValidationError("--partial starts a new file, --resume continues one: choose one.")
        }
        if shard != nil, file == nil {
            throw ValidationError("--shard needs --partial FILE or --resume FILE for its result.")
        }
    }

    /// The options for the library; nil without a partial result.
    func options(architecture: String?, force: Bool) -> PartialOptions? {
        guard let file else { return nil }
        var options = PartialOptions(path: file)
        options.shard = shard ?? .whole
        options.beginning = resume != nil ? .resuming : force ? .overwriting : .new
        options.architecture = architecture
        return options
    }
}

/// Counts the images in a partial result, for the message of an interrupted run.
final class KeptImages: Sendable {
    private let file: String
    private let total: Int
    private let continuation: String
    private let count = Mutex(Int?.none)

    /// `total`: the number of images of the run.
    init(_ part: PartialArguments, of total: Int) {
        (file, self.total) = (part.file ?? "", total)
        continuation =
            part.resume != nil
            ? "run the same command to continue" : "use --resume instead of --partial to continue"
    }

    /// Adds images. Returns true for the first call, which counts the images of an earlier run.
    func add(_ images: Int) -> Bool {
        count.withLock { count in
            defer { count = (count ?? 0) + images }
            return count == nil
        }
    }

    /// The message of an interrupted run.
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

/// The report of a run that scores one shard.
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
            "Wrote \(partial); combine the shards with normconv merge",
        ]
    }
}
