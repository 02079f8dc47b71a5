import Evaluation
import Foundation

/// Numbers as people read them, the same in every locale.
public enum Formatting {
    /// `25,557,032`
    public static func grouped(_ number: Int) -> String {
        var digits = String(number.magnitude)
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = String(digits.dropLast(3))
        }
        return (number < 0 ? "-" : "") + ([digits[...]] + groups).joined(separator: ",")
    }

    /// `82.0 %`
    public static func percent(_ share: Double, digits: Int = 1) -> String {
        fixed(share * 100, digits: digits) + " %"
    }

    /// A number with this many decimals; `nan` and `inf` as they are.
    public static func fixed(_ value: Double, digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    /// `82.0 %  [80.3, 83.6]`: the share and its 95 % interval.
    public static func interval(_ proportion: Proportion) -> String {
        let (low, high) = (fixed(proportion.low * 100, digits: 1), fixed(proportion.high * 100, digits: 1))
        return "\(percent(proportion.value))  [\(low), \(high)]"
    }

    /// `102.5 MB`
    public static func bytes(_ count: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var (value, unit) = (Double(count), 0)
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return unit == 0 ? "\(count) B" : "\(fixed(value, digits: 1)) \(units[unit])"
    }
}

/// Machine-readable reports.
public enum JSONReport {
    /// One object: sorted keys, indented, a newline at the end. A number that is not finite becomes a string.
    public static func text(_ report: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }
}
