import ArgumentParser
import Foundation
import NormConvKit

/// Options that every command has.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Write one JSON object to standard output.")
    var json = false

    @Flag(name: .shortAndLong, help: "No progress and no remarks, only results and errors.")
    var quiet = false

    /// A report, for machines or people.
    func show(_ report: some Encodable, _ lines: @autoclosure () -> [String]) throws {
        if json {
            try Terminal.result(JSONReport.text(report))
        } else {
            try Terminal.result(lines())
        }
    }
}

/// Where a network's graph comes from, in files that do not tell.
struct ArchitectureOptions: ParsableArguments {
    @Option(
        help: "A Keras configuration (model.to_json()), for a file of weights alone.", completion: .file())
    var architecture: String?

    @Option(
        help: """
            What norms without running statistics are, where the file does not say (PyTorch): group (with --norm-groups), \
            instance, or layer (one group).
            """)
    var norm: NormArgument?

    @Option(help: "The groups of such norms.")
    var normGroups: Int?

    func validate() throws {
        if norm == .group, normGroups == nil {
            throw ValidationError("--norm group needs --norm-groups N: the file does not say how many.")
        }
        if let normGroups, normGroups < 1 {
            throw ValidationError("--norm-groups must be at least 1, not \(normGroups).")
        }
        if let norm, norm != .group, normGroups != nil {
            throw ValidationError(
                "--norm-groups goes with --norm group only: instance is one channel a group, layer is one group."
            )
        }
    }

    /// What norms without running statistics are; --norm-groups alone means group norms.
    var normKind: NormKind? {
        switch norm {
        case .instance: .instance
        case .layer: .layer
        case .group, nil: normGroups.map(NormKind.group)
        }
    }

    func model(_ path: String) throws -> Model {
        try Model(path: path, architecture: try text, norms: normKind)
    }

    /// Models whose outputs count: what is assumed of them, and a doubt about what they compute, is said on stderr.
    func models(_ paths: [String], quiet: Bool) throws -> [Model] {
        try paths.map { path in
            let model = try model(path)
            if quiet { return model }
            if !model.assumptions.isEmpty {
                Terminal.note("warning: \(path): assumed: \(model.assumptions.joined(separator: "; "))")
            }
            if let doubt = model.doubt { Terminal.note("warning: \(path): \(doubt)") }
            return model
        }
    }

    /// What is in the file.
    var text: String? {
        get throws { try architecture.map(readConfiguration) }
    }
}

/// `--norm`: what norms without running statistics are.
enum NormArgument: String, ExpressibleByArgument, CaseIterable {
    case group, instance, layer
}

/// How outputs are read, in files that do not tell.
struct HeadOptions: ParsableArguments {
    @Flag(
        help: """
            Read outputs without an activation through a sigmoid: one output tells two classes. Default: what the network \
            ends in or its loss takes, else a softmax.
            """)
    var sigmoid = false

    /// The networks, read so.
    func applied(to models: [Model]) -> [Model] { sigmoid ? models.map { $0.readingSigmoid() } : models }
}

enum TargetArgument: String, ExpressibleByArgument, CaseIterable {
    case gn, ln
    case instance = "in"
    case none

    /// Nil where norms stay.
    var target: ConversionOptions.Target? {
        switch self {
        case .gn: .groupNorm
        case .ln: .layerNorm
        case .instance: .instanceNorm
        case .none: nil
        }
    }
}

/// `--layout`: one of the layouts, or the input's.
enum LayoutArgument: String, ExpressibleByArgument, CaseIterable {
    case keep, keras, keras3, weights, torch, safetensors

    /// What the library wants.
    var choice: LayoutChoice { OutputLayout(rawValue: rawValue).map(LayoutChoice.layout) ?? .keep }
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

extension ConversionOptions.Initialization: ExpressibleByArgument {}
extension ConversionOptions.StandardizationEpsilon: ExpressibleByArgument {}
extension ConversionOptions.WeightStandardization: ExpressibleByArgument {}
extension ImageLayout: ExpressibleByArgument {}
extension PixelScale: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension EngineKind: ExpressibleByArgument {}
