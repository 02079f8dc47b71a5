import Datasets
import Evaluation
import Reports

/// The scores of networks on all images of a split.
package struct ScoredSplit: Sendable {
    /// The report.
    package let report: EvalReport
    /// Each network's outcome on each image, in the report's order.
    package let outcomes: [Outcomes]
    /// The names of the classes, in the order of the labels.
    package let classNames: [String]?
    /// The path of each image, if images are separate files.
    package let files: FilePaths?

    init(_ run: RunDescription, _ scores: [Scores], files: FilePaths?) throws {
        report = try run.report(scores)
        outcomes = scores.map(\.outcomes)
        classNames = run.classNames
        self.files = files
    }

    /// Merges the partial results of all shards of one run, in any order. The scores equal those of a single run; the speed is
    /// the mean over the shards. Throws `PartialError` if a shard is missing, unfinished, duplicate or of another run.
    package init(merging paths: [String]) throws {
        let parts = try paths.map { try PartialFile(path: $0) }
        guard let first = parts.first else { throw PartialError.missing(shards: [1], of: 1) }
        try self.init(merging: parts.sorted { $0.header.shard.index < $1.header.shard.index }, like: first)
    }

    private init(merging parts: [PartialFile], like named: PartialFile) throws {
        var byShard: [Int: PartialFile] = [:]
        for part in parts {
            if let (what, found, expected) = part.header.difference(from: named.header) {
                throw PartialError.mixed(
                    file: part.path, what: what, found: found, expected: expected, from: named.path)
            }
            let shard = part.header.shard
            if let other = byShard.updateValue(part, forKey: shard.index) {
                throw PartialError.doubled(file: part.path, shard: shard, other: other.path)
            }
            let images = shard.images(of: part.header.run.images).count
            guard part.done == images else {
                throw PartialError.unfinished(file: part.path, shard: shard, images: part.done, of: images)
            }
        }
        let shards = named.header.shard.count
        guard parts.count == shards, let run = parts.first?.header.run else {
            throw PartialError.missing(
                shards: Array((1...shards).lazy.filter { byShard[$0] == nil }.prefix(21)), of: shards)
        }
        let blocks = parts.flatMap(\.blocks).sorted { $0.first < $1.first }
        let labels = blocks.flatMap(\.labels)
        guard labels.count == run.images else {
            throw PartialError.damaged(file: named.path, line: 1)
        }
        var sheet = try ScoreSheet(
            labels: labels, classes: run.networks.map(\.classes), heads: run.networks.map(\.head),
            baseline: run.baseline)
        for part in parts { try naming(part.path) { for block in part.blocks { try sheet.add(block) } } }
        let files = FilePaths(blocks.lazy.compactMap(\.files).joined())
        try self.init(run, sheet.scores, files: files.count == labels.count ? files : nil)
    }
}
