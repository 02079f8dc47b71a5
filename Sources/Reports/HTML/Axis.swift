import Foundation

/// A horizontal axis from 0 to `width` with round numbers on it.
struct Axis {
    let low: Double
    let high: Double
    let width: Double
    private let step: Double

    /// A mark with its text.
    struct Tick {
        let x: String
        let tick: String
    }

    /// An axis that has all values on it, within `bounds`, with about `count` marks.
    init(covering values: [Double], within bounds: ClosedRange<Double>, width: Double, count: Int = 5) {
        let (least, greatest) = (values.min() ?? bounds.lowerBound, values.max() ?? bounds.upperBound)
        let span = max(greatest - least, 0.01)
        step = Self.roundStep(span / Double(count))
        // Where all values are one mark, the axis goes on to the next: downwards at the bounds' end.
        let start = min(floor(least / step) * step, bounds.upperBound - step)
        low = max(bounds.lowerBound, start)
        high = min(bounds.upperBound, max(ceil(greatest / step) * step, start + step))
        self.width = width
    }

    /// The next of 1, 2, 5, 10, 20, 50 and so on, also below 1.
    static func roundStep(_ step: Double) -> Double {
        let magnitude = pow(10, floor(log10(step)))
        return ([1, 2, 5, 10].first { $0 * magnitude >= step } ?? 10) * magnitude
    }

    /// Decimals that tell marks with this distance apart.
    static func decimals(_ step: Double) -> Int { max(Int(-(log10(step) + 1e-9).rounded(.down)), 0) }

    /// Decimals that tell the marks apart.
    var decimals: Int { Self.decimals(step) }

    /// Where a value is.
    func x(_ value: Double) -> Double { (value - low) / (high - low) * width }

    /// The marks, as percents or points of percent.
    func ticks(_ text: (Double, Int) -> String) -> [Tick] {
        marks(text).map { Tick(x: place(x($0.value)), tick: $0.text) }
    }

    /// The marks' values and texts.
    func marks(_ text: (Double, Int) -> String) -> [(value: Double, text: String)] {
        let digits = step >= 0.01 ? 0 : step >= 0.001 ? 1 : 2
        let count = Int(((high - low) / step).rounded())
        return (0...max(count, 1)).map { index in
            let value = min(low + Double(index) * step, high)
            return (value, text(value, digits))
        }
    }
}

/// Values with their 95 % intervals, below each other.
struct IntervalChart {
    let chartTitle: String
    let height: String
    let axisBottom: String
    let rows: [Row]
    let ticks: [Axis.Tick]
    let zero: String?
    let right: String

    struct Row {
        let rowName: String
        let rowSeries: String
        let y: String
        let textY: String
        let x1: String
        let x2: String
        let cx: String
        let value: String
    }

    static let width = 340.0
    private static let rowHeight = 44.0

    /// One row a network: its value, the ends of its interval, and the text beside it.
    init(
        _ title: String,
        _ entries: [(name: NetworkName, value: Double, low: Double, high: Double, text: String)],
        axis: Axis, tick: (Double, Int) -> String
    ) {
        chartTitle = title
        rows = entries.enumerated().map { index, entry in
            // The name and the value stand above the interval.
            let y = Double(index) * Self.rowHeight + 32
            return Row(
                rowName: entry.name.label, rowSeries: entry.name.series,
                y: place(y), textY: place(y - 12),
                x1: place(axis.x(entry.low)), x2: place(axis.x(entry.high)), cx: place(axis.x(entry.value)),
                value: entry.text)
        }
        let bottom = Double(entries.count) * Self.rowHeight
        axisBottom = place(bottom)
        height = place(bottom + 30)
        right = place(Self.width)
        ticks = axis.ticks(tick)
        zero = axis.low < 0 ? place(axis.x(0)) : nil
    }
}
