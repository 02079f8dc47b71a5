import Evaluation

/// Networks against the baseline.
struct ComparisonView {
    let baselineName: String
    let rows: [Row]
    let chart: IntervalChart?

    struct Row {
        let network: NetworkName
        let difference: String
        let differenceRange: String
        let agreement: String
        let changed: String
        let lost: String
        let gained: String
        let p: String
        let largest: String
    }

    /// Nil where there is nothing to compare.
    init?(_ report: EvalReport, _ names: [NetworkName], _ baseline: Int?) {
        guard let baseline else { return nil }
        let compared = zip(report.models, names).compactMap { model, name in
            model.comparison.flatMap { comparison in comparison.paired.map { (name, comparison, $0) } }
        }
        baselineName = names[baseline].text
        rows = compared.map { name, comparison, paired in
            let difference = paired.difference
            return Row(
                network: name, difference: Formatting.points(difference.value),
                differenceRange:
                    "[\(Formatting.points(difference.low)), \(Formatting.points(difference.high))]",
                agreement: Formatting.percent(comparison.agreement.value),
                changed: Formatting.grouped(comparison.changed.count),
                lost: Formatting.grouped(paired.lost.count), gained: Formatting.grouped(paired.gained.count),
                p: Formatting.probability(paired.mcNemarP),
                largest: comparison.largestDifference.map { Formatting.fixed($0, digits: 3) } ?? "–")
        }
        let differences = compared.map(\.2.difference)
        chart =
            compared.isEmpty
            ? nil
            : IntervalChart(
                "Difference in top-1 against \(names[baseline].text), in points, with its 95 % interval",
                zip(compared.map(\.0), differences).map { name, difference in
                    (
                        name, difference.value, difference.low, difference.high,
                        Formatting.points(difference.value)
                    )
                },
                axis: Axis(
                    covering: differences.flatMap { [$0.low, $0.high, 0] }, within: -1...1,
                    width: IntervalChart.width, count: 4),
                tick: { Formatting.points($0, digits: $1) })
    }
}
