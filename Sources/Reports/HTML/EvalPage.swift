import Evaluation
import Foundation

/// A report on networks as one HTML file that needs no other: figures, charts in SVG, and the images that were classified
/// wrongly. It is well-formed XML too.
package struct EvalPage: Sendable {
    private let view: PageView

    /// Where a page shows all, and where only the most telling part.
    enum Limits {
        /// Classes of a confusion matrix that is shown whole.
        static let matrixClasses = 40
        /// Classes that are listed, and otherwise how many of the weakest.
        static let listedClasses = (all: 40, weakest: 20)
        /// Pairs of classes, beside a matrix and instead of one.
        static let pairs = (beside: 10, instead: 30)
        /// Images in a gallery, for one network and for each of several.
        static let pictures = (one: 24, several: 12)
        /// Rows and columns of a picture.
        static let pictureSize = 160
    }

    /// Lays out a page.
    ///
    /// - Parameters:
    ///   - report: the figures.
    ///   - outcomes: what each network says of each image, in the report's order, complete.
    ///   - classNames: the classes' names, where the split has them.
    ///   - paths: the images' files, where they have some.
    ///   - command: what was typed, to repeat it.
    ///   - date: when the report was made.
    ///   - picture: gives an image as people see it; is asked for the few that are shown.
    package init(
        _ report: EvalReport, outcomes: [Outcomes], classNames: [String]? = nil, paths: [String]? = nil,
        command: [String], date: Date, picture: @escaping (Int) throws -> Picture?
    ) throws {
        let names = ClassNames(classNames)
        let networks = NetworkName.all(report.networkNames)
        let complete = try outcomes.map { try $0.complete() }
        let labels = outcomes.first?.labels ?? []
        var pictures = PictureCache(picture)
        let gallery = Gallery(labels: labels, names: names, paths: paths)
        let limit = report.models.count == 1 ? Limits.pictures.one : Limits.pictures.several
        let errors = try networks.indices.map {
            try gallery.errors(of: networks[$0], complete[$0], limit: limit, pictures: &pictures)
        }
        let baseline = report.baseline.flatMap { path in report.models.firstIndex { $0.model == path } }
        let lost = try baseline.map { baseline in
            try networks.indices.compactMap { index in
                try report.models[index].comparison?.paired.map {
                    try gallery.lost(
                        $0.lost, before: complete[baseline], after: complete[index], name: networks[index],
                        limit: limit, pictures: &pictures)
                }
            }
        }
        view = PageView(
            css: PageTemplates.css, hasOneNetwork: networks.count == 1,
            verdicts: Verdicts(report, networks, baseline), date: DateView(date), version: report.version,
            split: report.data, imageCount: Formatting.grouped(report.images),
            summary: SummaryView(report, networks), comparison: ComparisonView(report, networks, baseline),
            networks: NetworksView(report.models.map { ($0.model, $0.conversion, $0.sha256) }, networks),
            classSection: ClassesView(report, networks, names),
            confusions: zip(report.models, networks).map { ConfusionView($0.evaluation, $1, names) },
            reliabilities: zip(report.models, networks).compactMap { ReliabilityView($0.evaluation, $1) },
            errors: errors, lost: lost ?? [], settings: SettingsView(report, networks, command))
    }

    /// The page. Throws where a template cannot be read, which tests would have found.
    package func html() throws -> String { try PageTemplates.render(view, template: "page") }
}

/// All that the page's templates show.
struct PageView {
    let css: String
    let hasOneNetwork: Bool
    let verdicts: Verdicts
    let date: DateView
    let version: String
    let split: String
    let imageCount: String
    let summary: SummaryView
    let comparison: ComparisonView?
    let networks: NetworksView?
    let classSection: ClassesView
    let confusions: [ConfusionView]
    let reliabilities: [ReliabilityView]
    let errors: [GalleryView]
    let lost: [GalleryView]
    let settings: SettingsView
}

/// A network as the page calls it, and the colour that it has in charts.
struct NetworkName {
    let text: String
    /// The name in a chart, of at most 26 characters.
    let label: String
    let series: String

    /// Networks, each with a colour.
    static func all(_ names: NetworkNames) -> [NetworkName] {
        zip(names.full, names.fitting(26)).enumerated().map {
            NetworkName(text: $1.0, label: $1.1, series: "s\($0 % 6)" + ($0 < 6 ? "" : " again"))
        }
    }
}

/// Classes by name where they have one, else by number.
struct ClassNames {
    private let names: [String]?

    init(_ names: [String]?) { self.names = names }

    subscript(index: Int) -> String {
        guard let names, names.indices.contains(index), !names[index].isEmpty else { return "\(index)" }
        return names[index]
    }
}

/// A coordinate in a chart.
func place(_ value: Double) -> String { Formatting.fixed(value, digits: 1) }
