import ArgumentParser
import NormConvKit

/// Options of `--refresh-statistics`.
struct RefreshArguments: ParsableArguments {
    @Option(
        help: """
            First re-estimate the running means and variances of the batch norms on these images, for example those of another \
            domain. Labels are not used. With --to none the network keeps its batch norms.
            """,
        completion: .file())
    var refreshStatistics: String?

    @Option(help: "Number of images for --refresh-statistics. Default: 512.")
    var refreshImages: Int?

    @Option(
        help: """
            Images per batch for --refresh-statistics. A last batch that is not full is left out. Default: 64, fewer if there are \
            fewer images or little memory.
            """)
    var refreshBatch: Int?

    /// Whether statistics are to be estimated anew.
    var areGiven: Bool { refreshStatistics != nil }

    func validate() throws {
        if !areGiven, refreshImages != nil || refreshBatch != nil {
            throw ValidationError("--refresh-images and --refresh-batch go with --refresh-statistics only.")
        }
        guard (refreshImages ?? 1) >= 1 else {
            throw ValidationError("--refresh-images must be at least 1.")
        }
        guard (refreshBatch ?? 1) >= 1 else { throw ValidationError("--refresh-batch must be at least 1.") }
    }
}

extension RefreshReport {
    /// The lines of the report.
    var lines: [String] {
        let shifts = norms.map(\.meanShift)
        let mean = shifts.reduce(0, +) / Double(max(shifts.count, 1))
        let factor = norms.map(\.deviationFactor).reduce(0, +) / Double(max(norms.count, 1))
        var lines = [
            "Refreshed the statistics of \(Formatting.counted(norms.count, "batch norm")) on "
                + "\(Formatting.grouped(images)) images of \(data), "
                + "\(batches == 1 ? "1 batch" : "\(Formatting.grouped(batches)) batches") of \(batch), \(variance.text), seed \(seed)",
            "  on average means moved by \(Formatting.fixed(mean, digits: 2)) standard deviations, standard deviations by a "
                + "factor of \(Formatting.fixed(factor, digits: 2))",
        ]
        if let most = norms.max(by: { $0.meanShift < $1.meanShift }) {
            lines.append(
                "  most in '\(most.layer)': \(Formatting.fixed(most.meanShift, digits: 2)), a factor of "
                    + Formatting.fixed(most.deviationFactor, digits: 2))
        }
        return lines
    }
}

extension RefreshReport.Variance {
    fileprivate var text: String {
        switch self {
        case .biased: "biased variances"
        case .unbiased: "unbiased variances"
        case .mixed: "variances unbiased on maps and biased elsewhere"
        }
    }
}
