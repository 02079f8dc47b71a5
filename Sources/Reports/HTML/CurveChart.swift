/// Curves and points in a frame, with their scales.
struct CurveChart {
    let chartTitle: String
    let xTitle: String
    let yTitle: String
    let width: String
    let height: String
    let columns: [Column]
    let rows: [Row]
    /// Marks of a second axis at the top.
    let tops: [Column]
    let topTitle: String
    let curves: [Curve]
    let legend: [Entry]
    let notes: [String]

    /// A mark of the horizontal axis.
    struct Column {
        let x: String
        let columnText: String
    }

    /// A mark of the vertical axis.
    struct Row {
        let y: String
        let textY: String
        let rowText: String
    }

    /// A line with marks on it.
    struct Curve {
        let curveSeries: String
        /// How the line is drawn: `course`, or `faint`.
        let curveKind: String
        let path: String
        let dots: [Dot]
        let rings: [Dot]
        let crosses: [Dot]
    }

    /// A curve in the legend.
    struct Entry {
        let legendSeries: String
        let legendText: String
    }

    /// A value that is marked by itself.
    struct Dot {
        let x: String
        let y: String
        let tooltip: String
    }

    static let extent = (width: 560.0, height: 300.0)

    init(
        _ title: String, x: (scale: Scale, title: String), y: (scale: Scale, title: String),
        top: (scale: Scale, title: String)? = nil, curves: [CurveData], notes: [String] = []
    ) {
        (chartTitle, xTitle, yTitle) = (title, x.title, y.title)
        width = place(Self.extent.width)
        height = place(Self.extent.height)
        let bottom = Self.extent.height
        columns = Self.columns(x.scale)
        rows = y.scale.marks.map { mark in
            let height = bottom - y.scale.position(mark.value)
            return Row(y: place(height), textY: place(height + 6), rowText: mark.text)
        }
        tops = top.map { Self.columns($0.scale) } ?? []
        topTitle = top?.title ?? ""
        self.curves = curves.map { curve in
            func dot(_ mark: CurveData.Mark) -> Dot {
                Dot(
                    x: place(x.scale.position(mark.x)), y: place(bottom - y.scale.position(mark.y)),
                    tooltip: mark.text)
            }
            let path = curve.points.map { point in
                "\(place(x.scale.position(point.x))),\(place(bottom - y.scale.position(point.y)))"
            }
            // A line of one point would not be seen.
            let alone = curve.points.count == 1 ? curve.points : []
            let dots = curve.dots.isEmpty ? alone.map { ($0.x, $0.y, curve.name ?? "") } : curve.dots
            return Curve(
                curveSeries: curve.series, curveKind: curve.isFaint ? "faint" : "course",
                path: path.joined(separator: " "), dots: dots.map(dot), rings: curve.rings.map(dot),
                crosses: curve.crosses.map(dot))
        }
        legend = curves.compactMap { curve in
            curve.name.map { Entry(legendSeries: curve.series, legendText: $0) }
        }
        self.notes = notes
    }

    private static func columns(_ scale: Scale) -> [Column] {
        scale.marks.map { Column(x: place(scale.position($0.value)), columnText: $0.text) }
    }
}

/// A curve before it is laid out.
struct CurveData {
    /// Its name in the legend; nil for none.
    var name: String?
    /// Its colour: `s0` and so on.
    var series: String
    var isFaint = false
    var points: [(x: Double, y: Double)] = []
    /// Points that are marked.
    var dots: [Mark] = []
    /// Points that are marked as chosen.
    var rings: [Mark] = []
    /// Points beyond the chart.
    var crosses: [Mark] = []

    /// A marked point with its text.
    typealias Mark = (x: Double, y: Double, text: String)
}

extension CurveData {
    /// Points of a curve that may be drawn at most.
    static let mostPoints = 600

    /// At most `mostPoints` points: each is the mean of so many points in a row.
    static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        let size = binSize(points.count)
        guard size > 1 else { return points }
        return stride(from: 0, to: points.count, by: size).map { start in
            let bin = points[start..<min(start + size, points.count)]
            let count = Double(bin.count)
            return (bin.reduce(0) { $0 + $1.x } / count, bin.reduce(0) { $0 + $1.y } / count)
        }
    }

    /// Points that become one.
    static func binSize(_ count: Int) -> Int { (count + mostPoints - 1) / mostPoints }

    /// The mean of each value and those before it, `window` together; of fewer at the start.
    static func runningMean(_ values: [Double], window: Int) -> [Double] {
        var sum = 0.0
        return values.indices.map { index in
            sum += values[index]
            if index >= window { sum -= values[index - window] }
            return sum / Double(min(index + 1, window))
        }
    }
}
