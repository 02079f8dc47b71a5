import Evaluation

/// The classes at the end, the weakest first.
struct FineTuneClasses {
    let resultCaption: String
    let resultRows: [Row]
    /// How many classes have a recall of each tenth; empty where all classes are listed.
    let histogram: [ClassesView.Histogram]

    /// A class.
    struct Row {
        let resultName: String
        let hits: String
        let bars: [ClassesView.Bar]
    }

    /// Classes that are listed.
    static let limit = 40

    init(_ classes: [FineTuneReport.ClassResult]) {
        let name = NetworkName(text: "the network", label: "", series: "s1")
        let tested = classes.filter { $0.images > 0 }.map {
            (name: $0.name, images: $0.images, recall: Proportion($0.hits, of: $0.images))
        }
        // Of equals, those with more images first, which say more.
        let sorted = tested.sorted {
            ($0.recall.value, -$0.images, $0.name) < ($1.recall.value, -$1.images, $1.name)
        }
        resultRows = sorted.prefix(Self.limit).map {
            Row(
                resultName: $0.name,
                hits: "\(Formatting.grouped($0.recall.count)) of \(Formatting.grouped($0.images))",
                bars: [ClassesView.Bar($0.recall, name)])
        }
        let left = sorted.count - resultRows.count
        histogram = left > 0 ? [ClassesView.Histogram(sorted.map(\.recall.value), name)] : []
        var caption = "The share of each class’ validation images that are classified correctly"
        caption += ", with its 95 % interval; the weakest class first."
        if left > 0 { caption += " \(Formatting.grouped(left)) more classes are left out." }
        let untested = classes.count - tested.count
        if untested > 0 {
            caption += " Without validation images: \(Formatting.grouped(untested)) of "
            caption += "\(Formatting.grouped(classes.count)) classes."
        }
        resultCaption = caption
    }
}
