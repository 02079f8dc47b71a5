import Foundation

/// An axis of a chart of curves, in either direction, with round numbers on it.
struct Scale {
    let low: Double
    let high: Double
    let length: Double
    let marks: [(value: Double, text: String)]
    private let isLogarithmic: Bool

    private init(
        _ low: Double, _ high: Double, _ length: Double, _ marks: [(value: Double, text: String)],
        isLogarithmic: Bool = false
    ) {
        (self.low, self.high, self.length, self.marks) = (low, high, length, marks)
        self.isLogarithmic = isLogarithmic
    }

    /// Where a value stands; one beyond the axis stands at its end.
    func position(_ value: Double) -> Double {
        let value = min(max(value, low), high)
        let share = isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
        return share * length
    }

    /// Values of 0 and more with equal distances between equal differences.
    static func linear(_ values: [Double], length: Double) -> Scale {
        let axis = Axis(covering: values, within: 0...Double.greatestFiniteMagnitude, width: length)
        return Scale(axis.low, axis.high, length, axis.marks { value, _ in text(value, axis.decimals) })
    }

    /// Values of 0 and more: logarithmic where the largest is a hundred times the smallest.
    static func fitting(_ values: [Double], length: Double) -> Scale {
        let (least, greatest) = (values.min() ?? 0, values.max() ?? 0)
        let isWide = least > 0 && greatest >= 100 * least
        return isWide ? decades(values, length: length) : linear(values, length: length)
    }

    /// Shares of 0 to 1, as percents.
    static func shares(_ values: [Double], length: Double) -> Scale {
        let axis = Axis(covering: values, within: 0...1, width: length)
        return Scale(axis.low, axis.high, length, axis.marks { Formatting.percent($0, digits: $1) })
    }

    /// Positive values on a logarithmic axis that begins and ends with a power of ten.
    static func decades(_ values: [Double], length: Double) -> Scale {
        let (least, greatest) = (values.min() ?? 1, values.max() ?? 1)
        // A power of ten in single precision is a little beside it.
        let first = Int((log10(least) + 1e-6).rounded(.down))
        let last = max(Int((log10(greatest) - 1e-6).rounded(.up)), first + 1)
        let marks = stride(from: first, through: last, by: (last - first + 5) / 6).map { exponent in
            let power = pow(10, Double(exponent))
            return (value: power, text: text(power, max(-exponent, 0)))
        }
        return Scale(
            pow(10, Double(first)), pow(10, Double(last)), length, marks, isLogarithmic: true)
    }

    /// From 0 to the end of something, exactly; marks are not closer than `least`.
    static func progress(to end: Double, least: Double = 0, length: Double) -> Scale {
        let step = max(Axis.roundStep(end / 5), least)
        let marks = stride(from: 0, through: end * (1 + 1e-9), by: step).map {
            (value: $0, text: text($0, Axis.decimals(step)))
        }
        return Scale(0, end, length, marks)
    }

    private static func text(_ value: Double, _ decimals: Int) -> String {
        if value >= 1e6 || decimals > 4 { return value == 0 ? "0" : value.short }
        return decimals == 0 ? Formatting.grouped(Int(value)) : Formatting.fixed(value, digits: decimals)
    }
}
