import ArgumentParser
import Foundation
import NormConvKit

/// Options that every command has.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print the result as one JSON object; an error too, as {\"error\": {...}}.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print only results and errors: no progress, no notes, no warnings.")
    var quiet = false

    /// Prints a report, as JSON or as text.
    func show(_ report: some Encodable, _ lines: @autoclosure () -> [String]) throws {
        if json {
            try Terminal.result(JSONReport.text(report))
        } else {
            try Terminal.result(lines())
        }
    }
}

/// Options that supply what the network's file does not record.
struct ArchitectureOptions: ParsableArguments {
    @Option(
        help:
            "A JSON file with the Keras configuration (model.to_json()), for a file that holds only weights.",
        completion: .file())
    var architecture: String?

    @Option(
        help: """
            Type of the norms that have no running statistics, if a PyTorch file does not record it: group (needs --norm-groups), \
            instance, or layer (one group).
            """)
    var norm: NormArgument?

    @Option(help: "Number of groups in norms that have no running statistics. Implies --norm group.")
    var normGroups: Int?

    @Option(
        help: ArgumentHelp(
            """
            Which network of a PyTorch checkpoint that holds several: a key, or a path of keys such as model.ema. Without this \
            option: the state_dict or model, otherwise the largest network, and averaged weights (EMA) only where there are \
            no others.
            """, valueName: "key"))
    var key: String?

    @Option(
        help: """
            A JSON file with the convolutions and the norms that directly follow them, for a file that does not record its graph: \
            [{"conv": NAME, "norm": NAME}, ...] or {NAME: NAME, ...}.
            """,
        completion: .file())
    var pairs: String?

    @Option(
        help: """
            Epsilon of the batch norms, for a file that does not record it. Default: the family's if names prove it, otherwise \
            1e-05 (PyTorch) or 1e-03 (Keras).
            """)
    var batchEpsilon: Double?

    func validate() throws {
        if let batchEpsilon, !(batchEpsilon >= 0 && batchEpsilon.isFinite) {
            throw ValidationError("--batch-epsilon must be 0 or more, not \(batchEpsilon).")
        }
        if norm == .group, normGroups == nil {
            throw ValidationError(
                "--norm group needs --norm-groups N: the file does not record the number of groups.")
        }
        if let normGroups, normGroups < 1 {
            throw ValidationError("--norm-groups must be at least 1, not \(normGroups).")
        }
        if let norm, norm != .group, normGroups != nil {
            throw ValidationError(
                "--norm-groups goes with --norm group only: an instance norm has one channel per group, a layer norm one group."
            )
        }
    }

    /// The kind of norms without running statistics; --norm-groups alone means group norms.
    var normKind: NormKind? {
        switch norm {
        case .instance: .instance
        case .layer: .layer
        case .group, nil: normGroups.map(NormKind.group)
        }
    }

    func model(_ path: String) throws -> Model {
        try model(path, key: key)
    }

    private func model(_ path: String, key: String?) throws -> Model {
        let facts = GivenFacts(pairs: try pairs.map(GivenPairs.init(path:)), batchEpsilon: batchEpsilon)
        let path = path == StandardStreams.name ? try StandardStreams.readInput() : path
        return try Model(path: path, architecture: try text, norms: normKind, key: key, facts: facts)
    }

    /// The files that the options name.
    var files: [String] { [architecture, pairs].compactMap(\.self) }

    /// Opens models to be scored. Prints assumptions and doubts about them to standard error. A key is for those that are
    /// PyTorch checkpoints, at least one.
    func models(_ paths: [String], quiet: Bool) throws -> [Model] {
        let keyed = key == nil ? [] : paths.filter(Model.takesKey)
        return try paths.map { path in
            let key = keyed.isEmpty || keyed.contains(path) ? key : nil
            let model = try model(path, key: key)
            if quiet { return model }
            if !model.assumptions.isEmpty {
                Terminal.note("warning: \(path): assumed: \(model.assumptions.joined(separator: "; "))")
            }
            if let doubt = model.doubt { Terminal.note("warning: \(path): \(doubt)") }
            return model
        }
    }

    /// The contents of the file.
    var text: String? {
        get throws { try architecture.map(readConfiguration) }
    }
}

/// `--norm`: the kind of norms without running statistics.
enum NormArgument: String, ExpressibleByArgument, CaseIterable {
    case group, instance, layer
}

/// How outputs become probabilities, if the file does not record it.
struct HeadOptions: ParsableArguments {
    @Flag(
        help: """
            Apply a sigmoid to outputs that have no activation; a single output then separates two classes. Without this option: the activation at the end of the network, otherwise the one that its training loss implies, otherwise softmax.
            """)
    var sigmoid = false

    @Option(
        name: .customLong("output"),
        help: "The output to score, if the network has several: its key or its layer's name.")
    var outputName: String?

    /// The networks with these options applied.
    func applied(to models: [Model]) throws -> [Model] {
        let models = sigmoid ? models.map { $0.readingSigmoid() } : models
        guard let outputName else { return models }
        // Networks with one output may be compared with others.
        let haveSeveral = models.contains { !$0.network.outputs.isEmpty }
        return try models.map { model in
            haveSeveral && model.network.outputs.isEmpty ? model : try model.reading(output: outputName)
        }
    }
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

/// `--layout`: a layout, or `keep` for the input's.
enum LayoutArgument: String, ExpressibleByArgument, CaseIterable {
    case keep, keras, keras3, weights, torch, safetensors, pth

    /// The library's value.
    var choice: LayoutChoice { OutputLayout(rawValue: rawValue).map(LayoutChoice.layout) ?? .keep }
}

extension GroupPolicy: ExpressibleByArgument {
    /// The words, and a number of each other kind.
    public static var defaultCompletionKind: CompletionKind { .list(["auto", "gcd", "near:16", "size:8"]) }

    /// `auto`, `gcd`, `32`, `size:8`, `near:16`.
    public init?(argument: String) {
        switch argument {
        case "auto": self = .auto
        case "gcd": self = .gcd
        default:
            let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let number = Int(parts[parts.count - 1]), number > 0 else { return nil }
            switch parts.count == 2 ? parts[0] : "" {
            case "": self = .count(number)
            case "size": self = .perGroup(number)
            case "near": self = .near(number)
            default: return nil
            }
        }
    }
}

/// `on` or `off`.
enum Switch: String, ExpressibleByArgument, CaseIterable {
    case on, off
}

/// A number of bytes: `4G`, `500M` or `1048576`.
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

/// A time: `90s`, `10m`, `1h`, or seconds without a unit.
struct TimeSpan: ExpressibleByArgument {
    var seconds: Double

    init?(argument: String) {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
        let unit = argument.last.flatMap { units[$0] }
        guard let number = Double(unit == nil ? argument[...] : argument.dropLast()),
            number > 0, number * (unit ?? 1) <= CalibrationOptions.mostSeconds
        else { return nil }
        seconds = number * (unit ?? 1)
    }
}

extension ConversionRecipe: ExpressibleByArgument {}
extension ConversionOptions.Initialization: ExpressibleByArgument {}
extension ConversionOptions.StandardizationEpsilon: ExpressibleByArgument {}
extension ConversionOptions.WeightStandardization: ExpressibleByArgument {}
extension ImageLayout: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension EngineKind: ExpressibleByArgument {}
