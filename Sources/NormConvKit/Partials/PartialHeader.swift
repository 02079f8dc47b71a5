import Datasets
import Foundation

/// The first line of a partial result: what its images were scored with. Only results with equal headers are merged.
struct PartialHeader: Sendable, Codable, Equatable {
    /// The format version of the file.
    static let format = 2

    var normconvPartial = PartialHeader.format
    var run: RunDescription
    var shard: Shard
    /// Labels, names and sizes of image files, and the pixels of some images.
    var split: String
    /// Each network's size in bytes and checksum.
    var networks: [String]

    /// Reads the networks' files, and 64 of the split's images.
    init(_ job: ScoringJob, shard: Shard, architecture: String?) throws {
        run = try RunDescription(job)
        self.shard = shard
        split = try Self.digest(job.split)
        networks = try job.models.map { model in
            let file = try naming(model.path) { try Digest.files(model.checkpoint.files) }
            let graph = architecture.map { ", graph \(Digest.text(of: $0.utf8))" } ?? ""
            let norms = model.normKind.map { ", \($0)" } ?? ""
            return "\(file.bytes) bytes, checksum \(file.text)\(graph)\(norms)"
        }
    }

    /// A checksum of labels, names and sizes of image files, and the pixels of 64 images.
    static func digest(_ split: Split) throws -> String {
        var digest = Digest()
        digest.add([split.count] + split.shape.extents + (split.labels ?? []))
        for file in split.files ?? FilePaths() {
            // The folder may have another path on another machine.
            digest.add(URL(fileURLWithPath: file).lastPathComponent)
            var status = stat()
            digest.add([stat(file, &status) == 0 ? Int(status.st_size) : -1])
        }
        let samples = min(split.count, 64)
        for sample in 0..<samples {
            let image = split.count * sample / samples
            try split.read(image..<image + 1, preprocessing: .raw).withUnsafeBytes { digest.add($0) }
        }
        return digest.text
    }

    /// The first difference that shows that two parts belong to different runs; nil if there is none. Paths may differ,
    /// because they can be of different machines.
    func difference(from other: PartialHeader) -> (what: String, found: String, expected: String)? {
        zip(facts, other.facts).first { $0.value != $1.value }
            .map { ($0.what, $0.value, $1.value) }
    }

    private var facts: [(what: String, value: String)] {
        var facts = [
            ("version of normconv", run.version), ("number of networks", "\(networks.count)"),
            ("number of images", "\(run.images)"), ("split (checksum)", split),
            ("images are", run.transform ?? "arrays"),
            ("broken images", "\(run.broken.count)"),
            ("class names (checksum)", Digest.text(of: (run.classNames ?? []).joined(separator: "\n").utf8)),
            ("engine", run.engine), ("baseline", run.baseline.map { "network \($0 + 1)" } ?? "none"),
        ]
        for (index, network) in networks.enumerated() {
            facts += [
                ("network \(index + 1)", network),
                ("preprocessing of network \(index + 1)", run.networks[index].preprocess),
                ("head of network \(index + 1)", run.networks[index].head.rawValue),
            ]
        }
        return facts + [("number of shards", "\(shard.count)")]
    }
}
