import Evaluation
import Foundation

/// Formats numbers for the terminal, the same in every locale.
package enum Formatting {
    /// `25,557,032`
    package static func grouped(_ number: Int) -> String {
        var digits = String(number.magnitude)
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = String(digits.dropLast(3))
        }
        return (number < 0 ? "-" : "") + ([digits[...]] + groups).joined(separator: ",")
    }

    /// `1 image`, `1,234 images`
    package static func counted(_ number: Int, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// `82.0 %`
    package static func percent(_ share: Double, digits: Int = 1) -> String {
        fixed(share * 100, digits: digits) + " %"
    }

    /// A number with this many decimals; `nan` and `inf` as they are.
    package static func fixed(_ value: Double, digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    /// `82.0 %  [80.3, 83.6]`: the share and its 95 % interval.
    package static func interval(_ proportion: Proportion) -> String {
        let (low, high) = (fixed(proportion.low * 100, digits: 1), fixed(proportion.high * 100, digits: 1))
        return "\(percent(proportion.value))  [\(low), \(high)]"
    }

    /// `+1.5` or `−0.7`, in points of percent; a true minus sign, as wide as the plus.
    package static func points(_ share: Double, digits: Int = 1) -> String {
        let text = fixed(abs(share) * 100, digits: digits)
        let isZero = text.allSatisfy { "0.".contains($0) }
        return (isZero ? "" : share < 0 ? "−" : "+") + text
    }

    /// `−1.5  [−2.4, −0.7]`: a difference and its 95 % interval, in points of percent.
    package static func points(_ estimate: Estimate) -> String {
        "\(points(estimate.value))  [\(points(estimate.low)), \(points(estimate.high))]"
    }

    /// `0.9362  [0.8369, 1.0356]`: a mean and its 95 % interval.
    package static func interval(_ estimate: Estimate, digits: Int = 4) -> String {
        let ends = [estimate.low, estimate.high].map { fixed($0, digits: digits) }
        return "\(fixed(estimate.value, digits: digits))  [\(ends[0]), \(ends[1])]"
    }

    /// `0.0412`, or `1.2e-09` if it is too small for four digits, or `< 1e-300` near the limit of a double. A positive value
    /// never shows as 0.
    package static func probability(_ value: Double) -> String {
        if value < 1e-300 { return "< 1e-300" }
        return value < 0.0001 ? String(format: "%.1e", value) : fixed(value, digits: 4)
    }

    /// Images per second: `37.4`, or `1234` without decimals.
    package static func rate(_ value: Double) -> String { fixed(value, digits: value < 100 ? 1 : 0) }

    /// `0:07`, `12:30`, `1:02:03`
    package static func duration(seconds: Double) -> String {
        guard seconds < 360_000 else { return "–" }
        let whole = Int(max(seconds, 0).rounded(.up))
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        return hours > 0
            ? String(format: "%d:%02d:%02d", hours, minutes, whole % 60)
            : String(format: "%d:%02d", minutes, whole % 60)
    }

    /// The end of a text, after an ellipsis, if it takes more than `width` columns. For paths, whose ends differ.
    package static func tail(_ text: String, width: Int) -> String {
        Columns.count(text) <= width ? text : width < 1 ? "" : "…" + Columns.suffix(text, width - 1)
    }

    /// The beginning of a text, before an ellipsis, if it takes more than `width` columns.
    package static func head(_ text: String, width: Int) -> String {
        Columns.count(text) <= width ? text : width < 1 ? "" : Columns.prefix(text, width - 1) + "…"
    }

    /// `80.3–83.6`
    package static func range(_ low: Double, _ high: Double, digits: Int) -> String {
        "\(fixed(low, digits: digits))–\(fixed(high, digits: digits))"
    }

    /// `102.5 MB`
    package static func bytes(_ count: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var (value, unit) = (Double(count), 0)
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return unit == 0 ? "\(count) B" : "\(fixed(value, digits: 1)) \(units[unit])"
    }
}

extension Head {
    /// How outputs were read, as text; nil for softmax.
    package var description: String? {
        switch self {
        case .softmax: nil
        case .sigmoid: "one sigmoid: p of class 1, 1 − p of class 0"
        case .normalizedSigmoids: "sigmoids, divided by their sum, as Keras does"
        }
    }
}

/// Machine-readable reports.
package enum JSONReport {
    /// One object: sorted keys, indented, a newline at the end. A number that is not finite becomes a string.
    package static func text(_ report: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }
}

extension Double {
    /// Three digits: `0.00125`, `3e-05`.
    package var short: String { String(format: "%.3g", self) }
}
