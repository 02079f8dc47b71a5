/// What a file of whole modules says of one of them beside its parameters: its class, and what PyTorch keeps as attributes.
package struct RecordedModule: Sendable, Equatable, Codable {
    /// The class's own name: `Conv2d`.
    package var className: String
    /// The Python module that the class is from: `torch.nn.modules.conv`.
    package var library: String
    /// The attributes of `settingNames` that the file has.
    package var settings: [String: RecordedSetting]
    /// Functions that its own code calls: `relu`. Only TorchScript has code.
    package var functions: Set<String>
    /// Whether it holds no modules, parameters or buffers.
    package var isLeaf: Bool

    /// What a file says of a module.
    package init(
        className: String, library: String, settings: [String: RecordedSetting] = [:],
        functions: Set<String> = [], isLeaf: Bool = false
    ) {
        self.className = className
        self.library = library
        self.settings = settings
        self.functions = functions
        self.isLeaf = isLeaf
    }

    /// PyTorch's names of the attributes that decide what a layer computes.
    package static let settingNames: Set<String> = [
        "stride", "padding", "dilation", "groups", "padding_mode", "transposed", "output_padding",
        "kernel_size",
        "ceil_mode", "count_include_pad", "divisor_override", "output_size", "num_groups", "eps",
        "negative_slope",
        "alpha", "approximate", "min_val", "max_val", "beta", "threshold", "value", "add_maxpool",
    ]

    /// The setting of a traced batch norm that says whether it takes the statistics of the batch.
    package static let takesBatchStatistics = "batch_statistics"
    /// The setting that says whether functions of the user's own run with the module.
    package static let hasHooks = "hooks"

    /// A number; nil where the attribute is missing or something else.
    package func number(_ name: String) -> Double? {
        if case .number(let value)? = settings[name] { value } else { nil }
    }

    /// A text; nil where the attribute is missing or something else.
    package func text(_ name: String) -> String? {
        if case .text(let value)? = settings[name] { value } else { nil }
    }

    /// A truth value; nil where the attribute is missing or something else.
    package func flag(_ name: String) -> Bool? {
        if case .flag(let value)? = settings[name] { value } else { nil }
    }

    /// One whole number for each of so many dimensions, outermost first: as many numbers, or one for all. Nil where the
    /// attribute is missing or something else.
    package func extents(_ name: String, _ dimensions: Int) -> [Int]? {
        let values: [Double]
        switch settings[name] {
        case .number(let value): values = Array(repeating: value, count: dimensions)
        case .numbers(let numbers) where numbers.count == dimensions: values = numbers
        // PyTorch repeats the element of a list of one.
        case .numbers(let numbers) where numbers.count == 1:
            values = Array(repeating: numbers[0], count: dimensions)
        default: return nil
        }
        let extents = values.compactMap { Int(exactly: $0) }
        return extents.count == dimensions ? extents : nil
    }

    /// Rows and columns: one number for both, or two. Nil where the attribute is missing or something else.
    package func pair(_ name: String) -> (height: Int, width: Int)? {
        extents(name, 2).map { ($0[0], $0[1]) }
    }

    /// The same, and `fallback` where the attribute is missing.
    package func pair(
        _ name: String, default fallback: (height: Int, width: Int)
    ) -> (height: Int, width: Int)? {
        settings[name] == nil || settings[name] == .numbers([]) ? fallback : pair(name)
    }

    /// A truth value, and `fallback` where the attribute is missing; nil where it is something else.
    package func flag(_ name: String, default fallback: Bool) -> Bool? {
        settings[name] == nil ? fallback : flag(name)
    }

    /// Whether the attribute is missing or None.
    package func isAbsent(_ name: String) -> Bool {
        (settings[name] ?? RecordedSetting.none) == RecordedSetting.none
    }
}

/// The value of a module's attribute.
package enum RecordedSetting: Sendable, Equatable, Codable {
    /// None, or a value of another type.
    case none
    /// True or False.
    case flag(Bool)
    /// A number.
    case number(Double)
    /// A string.
    case text(String)
    /// A tuple or list of numbers.
    case numbers([Double])

    /// Numbers in a tuple, and bytes of a string, at most.
    package static let (countLimit, textLimit) = (8, 64)
}
