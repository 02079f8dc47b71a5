import Evaluation
import Foundation
import Tensors

@testable import Reports

/// Networks on sixty made images of a few classes, with names that would break a page that does not escape.
struct Sample {
    static let hostileNames = [
        "<script>alert(1)</script>", "a & b", "\"quoted\" 'name'", "mark\u{301}\"\u{301} onload=\u{301}",
        "nul\u{0}",
        "{{css}}",
    ]

    /// 2026-11-29 20:55:02 UTC.
    static let date = Date(timeIntervalSince1970: 1_795_985_702)

    var report: EvalReport
    var outcomes: [Outcomes]
    var classNames: [String]

    /// `networks` networks of different quality; the first is the baseline where there are several.
    init(networks: Int, classes: Int = 6, images: Int = 60, names: [String] = hostileNames) throws {
        let labels = (0..<images).map { $0 * 7 % classes }
        let logits = (0..<networks).map { network in
            Tensor(
                shape: [images, classes],
                values: (0..<images * classes).map { place in
                    let (image, index) = (place / classes, place % classes)
                    let noise = Float((image * 31 + index * 17 + network * 13) % 23) / 8
                    return noise + (index == labels[image] ? 2 - Float(network) / 2 : 0)
                })
        }
        let outcomes = try logits.map { try Outcomes(outputs: $0, labels: labels) }
        let models = try logits.indices.map { index in
            var network = EvalReport.Network(
                model: "folder/<net> & \(index).h5", preprocess: "raw", imagesPerSecond: 12.5,
                evaluation: try Evaluation(outcomes[index], classNames: names),
                comparison: index == 0
                    ? nil : try Comparison(before: logits[0], after: logits[index], labels: labels))
            network.sha256 = String(repeating: "0123abcd", count: 7) + "0000000\(index % 10)"
            network.conversion =
                index == 0
                ? nil
                : ConversionSummary(
                    to: "gn", groups: "<x>", initialization: "statistics", weightStandardization: "on",
                    version: "1.2.2")
            return network
        }
        self.outcomes = outcomes
        classNames = names
        report = EvalReport(
            version: "1.2.3", data: "split \"<x>\".h5", engine: "fast",
            baseline: networks > 1 ? models[0].model : nil, models: models)
    }

    func page(paths: [String]? = nil) throws -> String {
        try EvalPage(
            report, outcomes: outcomes, classNames: classNames, paths: paths,
            command: ["normconv", "eval", "it's <here>.h5"],
            date: Self.date
        ) { Picture(width: 2, height: 1, channels: 1, bytes: [UInt8($0), 255]) }.html()
    }
}
