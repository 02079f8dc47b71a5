import Tensors

/// A call of one of PyTorch's functions in a line of TorchScript, and the constants that it is given. They tell a traced
/// module's settings, which its attributes do not.
struct TorchScriptCall: Equatable {
    /// The function, without the place it is from: `max_pool2d`.
    let function: String
    /// Constants by the names of the attributes that they come from.
    let settings: [String: RecordedSetting]

    /// Functions of a class, calls of a line and characters of a function's name, at most.
    static let (countLimit, callLimit, nameLimit) = (64, 16, 64)
    /// Characters of a line that calls are looked for in.
    private static let lineLimit = 4096

    /// Attributes by the place of the argument, from `aten/src/ATen/native/native_functions.yaml`.
    private static let arguments: [String: [Int: String]] = [
        "_convolution": [
            3: "stride", 4: "padding", 5: "dilation", 6: "transposed", 7: "output_padding", 8: "groups",
        ],
        "_convolution_mode": [3: "stride", 4: "padding", 5: "dilation", 6: "groups"],
        "pad": [1: "padding", 2: "padding_mode", 3: "value"],
        "max_pool2d": [1: "kernel_size", 2: "stride", 3: "padding", 4: "dilation", 5: "ceil_mode"],
        "avg_pool2d": [
            1: "kernel_size", 2: "stride", 3: "padding", 4: "ceil_mode", 5: "count_include_pad",
            6: "divisor_override",
        ],
        "adaptive_avg_pool2d": [1: "output_size"], "adaptive_max_pool2d": [1: "output_size"],
        "adaptive_avg_pool3d": [1: "output_size"],
        "batch_norm": [5: RecordedModule.takesBatchStatistics, 7: "eps"],
        "group_norm": [1: "num_groups", 4: "eps"],
        "leaky_relu": [1: "negative_slope"], "elu": [1: "alpha"], "hardtanh": [1: "min_val", 2: "max_val"],
        "gelu": [1: "approximate"], "softplus": [1: "beta", 2: "threshold"],
    ]

    /// What TorchScript leaves out, because it is the function's own default.
    private static let defaults: [String: [String: RecordedSetting]] = [
        "group_norm": ["eps": .number(1e-5)], "leaky_relu": ["negative_slope": .number(0.01)],
        "elu": ["alpha": .number(1)], "hardtanh": ["min_val": .number(-1), "max_val": .number(1)],
        "gelu": ["approximate": .text("none")], "softplus": ["beta": .number(1), "threshold": .number(20)],
    ]

    /// The calls in a line: `torch.relu(x)`, `__torch__.torch.nn.functional.relu(x, …)`, and a function's name alone, which
    /// the next line calls.
    static func all(in line: Substring) -> [TorchScriptCall] {
        var calls: [TorchScriptCall] = []
        var rest = line.prefix(lineLimit)
        while calls.count < callLimit, let found = rest.firstRange(of: "torch.") {
            let before = rest[..<found.lowerBound].last
            let name = rest[found.upperBound...]
            rest = name
            let functional = "nn.functional."
            let path: Substring
            if before == ".", name.hasPrefix(functional) {
                path = name.dropFirst(functional.count)
            } else if before.map({ $0 == "_" || $0 == "." || $0.isLetter || $0.isNumber }) == true {
                continue
            } else {
                path = name
            }
            let function = path.prefix { $0 == "_" || $0.isLetter || $0.isNumber }
            guard !function.isEmpty, function.count <= nameLimit else { continue }
            // In place or not is the same function.
            let base = function.hasSuffix("_") ? String(function.dropLast()) : String(function)
            calls.append(
                TorchScriptCall(
                    function: base, settings: settings(of: base, path.dropFirst(function.count))))
        }
        return calls
    }

    private static func settings(of function: String, _ text: Substring) -> [String: RecordedSetting] {
        guard let names = arguments[function], text.first == "(" else { return [:] }
        var settings = defaults[function] ?? [:]
        for (place, argument) in values(in: text.dropFirst()).enumerated() {
            if let name = names[place] { settings[name] = RecordedSetting(script: argument) }
        }
        return settings
    }

    /// The arguments up to the closing parenthesis. Brackets may be nested, and no text in them has commas.
    private static func values(in text: Substring) -> [Substring] {
        var values: [Substring] = []
        var (start, depth) = (text.startIndex, 0)
        for index in text.indices {
            switch text[index] {
            case "(", "[": depth += 1
            case ")", "]":
                depth -= 1
                if depth < 0 { return values + [text[start..<index]] }
            case "," where depth == 0:
                values.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        return values
    }
}

extension RecordedSetting {
    /// A constant in TorchScript: `(3, 3)`, `[3, 3]`, `"zeros"`, `True`, `0.1`. Names of variables are `none`.
    init(script text: Substring) {
        var text = text.drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        if let equals = text.firstIndex(of: "="), text[..<equals].allSatisfy({ $0 == "_" || $0.isLetter }) {
            text = text[text.index(after: equals)...]
        }
        switch text.first {
        case "(", "[":
            let parts = text.dropFirst().dropLast().split(separator: ",")
            let numbers = parts.prefix(Self.countLimit + 1).compactMap { Self.finite($0.drop { $0 == " " }) }
            self = numbers.count == parts.count ? .numbers(numbers) : .none
        case "\"":
            let content = text.dropFirst().dropLast()
            self = content.utf8.count <= Self.textLimit ? .text(String(content)) : .none
        case "T" where text == "True": self = .flag(true)
        case "F" where text == "False": self = .flag(false)
        default: self = Self.finite(text).map(RecordedSetting.number) ?? .none
        }
    }

    private static func finite(_ text: Substring) -> Double? {
        Double(text).flatMap { $0.isFinite ? $0 : nil }
    }
}
