import ArgumentParser
import NormConvKit

/// Options that every command has.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Write one JSON object to standard output.")
    var json = false

    @Flag(name: .shortAndLong, help: "No progress and no remarks, only results and errors.")
    var quiet = false
}

enum TargetArgument: String, ExpressibleByArgument, CaseIterable {
    case gn, ln
    case instance = "in"

    var target: ConversionOptions.Target {
        switch self {
        case .gn: .groupNorm
        case .ln: .layerNorm
        case .instance: .instanceNorm
        }
    }
}

extension GroupPolicy: ExpressibleByArgument {
    /// `auto`, `gcd`, `32`, `size:8`.
    public init?(argument: String) {
        switch argument {
        case "auto": self = .auto
        case "gcd": self = .gcd
        default:
            let isSize = argument.hasPrefix("size:")
            guard let number = Int(isSize ? argument.dropFirst(5) : argument[...]), number > 0 else {
                return nil
            }
            self = isSize ? .perGroup(number) : .count(number)
        }
    }
}

/// Something that is on or off.
enum Switch: String, ExpressibleByArgument, CaseIterable {
    case on, off
}

/// A number of bytes, as `4G`, `500M` or `1048576`.
struct ByteCount: ExpressibleByArgument {
    var bytes: Int

    init(_ bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
        let unit = argument.last.flatMap { units[Character($0.uppercased())] }
        guard let number = Int(unit == nil ? argument[...] : argument.dropLast()), number > 0 else {
            return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        if overflow { return nil }
        self.bytes = bytes
    }

    var defaultValueDescription: String { "\(bytes >> 30)G" }
}

extension Preprocessing: ExpressibleByArgument {
    /// As `Preprocessing.init(parsing:)` reads it.
    public init?(argument: String) { try? self.init(parsing: argument) }
}

extension ConversionOptions.Initialization: ExpressibleByArgument {}
extension ConversionOptions.WeightStandardization: ExpressibleByArgument {}
extension ConversionOptions.StandardizationEpsilon: ExpressibleByArgument {}
extension ImageLayout: ExpressibleByArgument {}
extension PixelScale: ExpressibleByArgument {}
extension EngineKind: ExpressibleByArgument {}
