import ArgumentParser
import Foundation
import NormConvKit

/// Options that every command has.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Write one JSON object to standard output.")
    var json = false

    @Flag(name: .shortAndLong, help: "No progress and no remarks, only results and errors.")
    var quiet = false
}

/// Where a network's graph comes from, in files that do not tell.
struct ArchitectureOptions: ParsableArguments {
    @Option(
        help: "A Keras configuration (model.to_json()), for a file of weights alone.", completion: .file())
    var architecture: String?

    func model(_ path: String) throws -> Model {
        try Model(
            path: path, architecture: architecture.map { try String(contentsOfFile: $0, encoding: .utf8) })
    }
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
