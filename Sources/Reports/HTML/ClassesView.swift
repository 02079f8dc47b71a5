import Evaluation

/// The classes one by one, or the weakest of many with the distribution of all.
struct ClassesView {
    let caption: String
    let isSingle: Bool
    let columns: [NetworkName]
    let classRows: [Row]
    let histogram: [Histogram]

    struct Row {
        let className: String
        let classImages: String
        let bars: [Bar]
        let precision: String
        let f1: String
    }

    /// A class' recall in one network, of a bar 100 wide.
    struct Bar {
        let barSeries: String
        let recall: String
        let barWidth: String
        let low: String
        let high: String
        let hasInterval: Bool
    }

    /// How many classes have a recall of each tenth.
    struct Histogram {
        let histogramName: NetworkName
        let columns: [Column]

        struct Column {
            let x: String
            let y: String
            let columnHeight: String
            let countY: String
            let centre: String
            let classCount: String
            let range: String
        }
    }

    init(_ report: EvalReport, _ names: [NetworkName], _ classNames: ClassNames) {
        let classes = report.models[0].evaluation.classes
        let limits = EvalPage.Limits.listedClasses
        let isWhole = classes.count <= limits.all
        let shown = isWhole ? Array(classes.indices) : Array(report.weakestClasses.prefix(limits.weakest))
        isSingle = report.models.count == 1
        columns = names
        caption =
            isWhole
            ? "Recall of each class: the share of its images that are classified correctly, with its 95 % interval."
            : "The \(shown.count) weakest of \(Formatting.grouped(classes.count)) classes, by the lowest recall of any network."
        classRows = shown.map { index in
            let entry = classes[index]
            return Row(
                className: classNames[index], classImages: Formatting.grouped(entry.images),
                bars: zip(report.models, names).map { Bar($0.evaluation.classes[index].recall, $1) },
                precision: entry.precision.map { Formatting.percent($0.value) } ?? "–",
                f1: entry.f1.map { Formatting.percent($0) } ?? "–")
        }
        histogram =
            isWhole
            ? []
            : zip(report.models, names).map {
                Histogram($0.evaluation.classes.compactMap(\.recall?.value), $1)
            }
    }
}

extension ClassesView.Bar {
    init(_ recall: Proportion?, _ name: NetworkName) {
        self.init(
            barSeries: name.series, recall: recall.map { Formatting.percent($0.value) } ?? "–",
            barWidth: place((recall?.value ?? 0) * 100), low: place((recall?.low ?? 0) * 100),
            high: place((recall?.high ?? 0) * 100), hasInterval: recall != nil)
    }
}

extension ClassesView.Histogram {
    /// Recalls of 0…1 in ten columns, in a chart of 400 by 120.
    init(_ recalls: [Double], _ name: NetworkName) {
        var counts = [Int](repeating: 0, count: 10)
        for recall in recalls { counts[min(Int(recall * 10), 9)] += 1 }
        let most = Double(max(counts.max() ?? 1, 1))
        histogramName = name
        columns = counts.enumerated().map { index, count in
            let height = 100 * Double(count) / most
            return Column(
                x: place(Double(index) * 40 + 2), y: place(116 - height), columnHeight: place(height),
                countY: place(111 - height), centre: place(Double(index) * 40 + 20), classCount: "\(count)",
                range: "recall \(index * 10)–\(index * 10 + 10) %: \(count) classes")
        }
    }
}
