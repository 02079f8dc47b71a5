import Datasets
import Evaluation
import Foundation
import Reports

/// The networks, the split and the settings of a run: a report without the scores.
struct RunDescription: Sendable, Codable, Equatable {
    var version = normconvVersion
    /// The split's file.
    var data: String
    var images: Int
    var transform: String?
    var broken: [Split.BrokenImage]
    var classNames: [String]?
    var labels: EvalReport.Labels?
    var engine: String
    /// An index in `networks`.
    var baseline: Int?
    var networks: [Network]

    struct Network: Sendable, Codable, Equatable {
        /// The network's file.
        var model: String
        var classes: Int
        var head: Head
        var preprocess: String
        /// Conventions that fill in what the network's file does not record; nil in older files.
        var assumptions: [String]?
        /// How its file was converted; nil where it was not.
        var conversion: ConversionSummary?
        /// Of the network's file; nil in partial results of before.
        var sha256: String?
    }

    init(_ job: ScoringJob) throws {
        let checksums = try job.checksums.value()
        data = job.split.file
        images = job.split.count
        transform = job.split.transform?.description
        broken = job.split.broken
        classNames = job.split.classNames
        labels = job.split.labelReading.map { reading in
            EvalReport.Labels(
                source: reading.source, order: reading.order,
                doubt: job.split.labelDoubt(classes: job.classes.max() ?? 0))
        }
        engine = job.engine.rawValue
        baseline = job.baseline
        networks = job.models.indices.map {
            Network(
                model: job.models[$0].title, classes: job.classes[$0], head: job.heads[$0],
                preprocess: job.preprocessing[$0].description, assumptions: job.models[$0].assumptions,
                conversion: job.models[$0].note?.summary, sha256: checksums[$0])
        }
    }

    /// The report on complete scores.
    func report(_ scores: [Scores]) throws -> EvalReport {
        let models = try networks.indices.map { index in
            try naming(networks[index].model) {
                var network = EvalReport.Network(
                    model: networks[index].model, preprocess: networks[index].preprocess,
                    head: networks[index].head, imagesPerSecond: scores[index].imagesPerSecond,
                    evaluation: try Evaluation(scores[index].outcomes, classNames: classNames),
                    comparison: try baseline.flatMap { baseline in
                        baseline == index
                            ? nil
                            : try Comparison(
                                before: scores[baseline].outcomes, after: scores[index].outcomes,
                                largestDifference: scores[index].largestDifference)
                    }, assumptions: networks[index].assumptions ?? [])
                (network.conversion, network.sha256) = (networks[index].conversion, networks[index].sha256)
                return network
            }
        }
        var report = EvalReport(
            version: version, data: data, engine: engine, baseline: baseline.map { networks[$0].model },
            models: models)
        report.transform = transform
        report.labels = labels
        report.labels?.classes = classNames
        report.broken =
            broken.isEmpty ? nil : broken.map { EvalReport.Broken(file: $0.file, reason: $0.reason) }
        return report
    }
}
