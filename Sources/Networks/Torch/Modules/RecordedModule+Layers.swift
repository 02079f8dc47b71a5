import Tensors

/// What modules of PyTorch and of libraries beside it compute, by their classes and settings. Source: `torch/nn/modules`.
extension RecordedModule {
    private static let libraries: Set<Substring> = [
        "torch", "timm", "torchvision", "efficientnet_pytorch", "segmentation_models_pytorch",
    ]

    /// Rows or columns of a stride, margin or dilation, at most: no network has more, and margins take memory.
    static let extentLimit = 1 << 12
    /// Zeros that a module adds on a side of a map, at most.
    private static let zerosLimit = 1 << 8

    /// Whether the class is from a library whose classes are what their names say.
    private var isKnown: Bool { Self.libraries.contains(library.prefix { $0 != "." }) }

    /// The class with an article, for errors: `a module of class 'SiLU'`.
    var title: String { "a module of class '\(className.prefix(60))'" }

    /// Whether it is a transposed convolution, whose kernel has inputs first.
    package var isTransposedConvolution: Bool {
        isKnown && className.hasPrefix("ConvTranspose") || flag("transposed") == true
    }

    /// Whether it is one of PyTorch's convolutions that are not transposed, or torchvision's of videos, which only set
    /// their strides and padding.
    package var isPlainConvolution: Bool {
        if library == "torchvision.models.video.resnet",
            ["Conv3DSimple", "Conv3DNoTemporal"].contains(className)
        {
            return true
        }
        return library.hasPrefix("torch.nn.modules.conv") && className.hasPrefix("Conv")
            && !isTransposedConvolution
    }

    /// Whether it is a convolution that is computed here.
    var isConvolution: Bool {
        isPlainConvolution
            || [
                "StdConv2d", "StdConv2dSame", "Conv2dSame", "Conv2dSamePadding", "Conv2dStaticSamePadding",
            ].contains(className)
    }

    /// Whether a node of batch normalization may stand for it: libraries copy these classes under their own names.
    package var isBatchNorm: Bool {
        [
            "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "FrozenBatchNorm2d",
            "NaiveSyncBatchNorm", "BatchNormAct2d", "SyncBatchNormAct", "FrozenBatchNormAct2d",
        ].contains(className)
    }

    /// Groups and ε of a group normalization; nil for other modules.
    package var groupNorm: GroupNormSettings? {
        guard ["GroupNorm", "GroupNormAct"].contains(className), let epsilon = number("eps"),
            let groups = number("num_groups").flatMap({ Int(exactly: $0) })
        else { return nil }
        return GroupNormSettings(groups: groups, epsilon: epsilon)
    }

    /// Whether it is a fully connected layer.
    var isLinear: Bool { isKnown && ["Linear", "NonDynamicallyQuantizableLinear"].contains(className) }

    /// Whether it is the softmax of split attention, in timm and in ResNeSt's own code.
    var isSplitSoftmax: Bool { ["RadixSoftmax", "rSoftMax"].contains(className) }

    /// Whether its output is its input when a network is scored, or it is only used in training.
    var isWithoutEffect: Bool {
        if isLeaf, ["Sequential", "ModuleList", "ModuleDict", "ParameterList"].contains(className) {
            return true
        }
        if library.hasPrefix("torch.nn.modules.loss") || library.hasPrefix("torchmetrics") { return true }
        return isIdentity || isKnown && className == "Flatten"
    }

    /// Whether its output is its input when a network is scored.
    var isIdentity: Bool {
        isKnown
            && [
                "Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout",
                "FeatureAlphaDropout", "DropPath", "StochasticDepth", "DropBlock2d",
            ].contains(className)
    }

    /// The function of each element that it computes; nil where it is none, or one that is not computed here.
    var activation: Activation? {
        guard isKnown, isLeaf else { return nil }
        switch className {
        case "ReLU": return .relu
        case "ReLU6": return .clippedReLU(limit: 6)
        case "LeakyReLU": return number("negative_slope").map { .leakyReLU(slope: Float($0)) }
        case "ELU": return number("alpha").map { .elu(alpha: Float($0)) }
        case "SELU": return .selu
        case "GELU":
            // PyTorch before 1.12 knew the exact function alone.
            if settings["approximate"] == nil { return .gelu }
            return switch text("approximate") {
            case "none": .gelu
            case "tanh": .approximateGELU
            default: nil
            }
        case "Hardtanh":
            return number("min_val") == 0 ? number("max_val").map { .clippedReLU(limit: Float($0)) } : nil
        case "SiLU", "Swish", "SwishMe", "MemoryEfficientSwish": return .swish
        case "Hardswish", "HardSwish", "HardSwishMe": return .hardSwish
        case "Hardsigmoid", "HardSigmoid", "HardSigmoidMe": return .hardSigmoid(slope: 1 / 6)
        case "Sigmoid": return .sigmoid
        case "Tanh": return .tanh
        case "Mish": return .mish
        case "Softsign": return .softsign
        // Beyond 20 a Float's softplus(x) is x.
        case "Softplus":
            let isPlain = settings["threshold"] == nil || number("threshold") == 20
            return number("beta") == 1 && isPlain ? .softplus : nil
        default: return nil
        }
    }

    /// The functions of each element that its code calls; nil in place of one that is not computed here. Only TorchScript
    /// has code.
    var calledActivations: [Activation?] {
        let known: [String: Activation] = [
            "relu": .relu, "relu6": .clippedReLU(limit: 6), "silu": .swish, "hardswish": .hardSwish,
            "hardsigmoid": .hardSigmoid(slope: 1 / 6), "sigmoid": .sigmoid, "tanh": .tanh, "mish": .mish,
        ]
        let others: Set = [
            "leaky_relu", "elu", "selu", "celu", "gelu", "hardtanh", "softplus", "prelu", "rrelu",
        ]
        return functions.sorted().compactMap { name in
            if let activation = known[name] { return .some(activation) }
            return others.contains(name) ? .some(nil) : nil
        }
    }

    /// Whether it is a maximum or mean over windows.
    var isPool: Bool { isKnown && ["MaxPool2d", "AvgPool2d"].contains(className) }

    /// The maximum or mean over windows that it computes; nil where it is none, or one that is not computed here. `zeros` are
    /// what the graph has around the map before it: a mean that counts its own margins has these.
    func pool(behind zeros: Margins? = nil) -> Pool? {
        guard isPool, let size = pair("kernel_size"), size.height > 0, size.width > 0,
            let strides = pair("stride", default: size), strides.height > 0, strides.width > 0,
            let margin = pair("padding", default: (0, 0)), margin.height >= 0, margin.width >= 0,
            max(strides.height, strides.width) <= Self.extentLimit,
            // PyTorch takes no more.
            margin.height <= size.height / 2, margin.width <= size.width / 2,
            let dilation = pair("dilation", default: (1, 1)), dilation == (1, 1),
            let isCeiling = flag("ceil_mode", default: false),
            let countsZeros = flag("count_include_pad", default: true)
        else { return nil }
        // The last window begins inside the map, as PyTorch asks.
        if isCeiling,
            margin.height > size.height - strides.height || margin.width > size.width - strides.width
        {
            return nil
        }
        let isAverage = className == "AvgPool2d"
        let countsMargins = isAverage && countsZeros && margin != (0, 0)
        if isAverage, !isAbsent("divisor_override") { return nil }
        if let zeros {
            let own = Margins(
                top: margin.height, bottom: margin.height, left: margin.width, right: margin.width)
            guard countsMargins, !isCeiling, zeros == own else { return nil }
            return Pool(
                kind: .average, size: Extent(height: size.height, width: size.width),
                strides: Extent(height: strides.height, width: strides.width), padding: .valid)
        }
        if countsMargins { return nil }
        let margins = Margins(
            top: margin.height, bottom: margin.height + (isCeiling ? strides.height - 1 : 0),
            left: margin.width, right: margin.width + (isCeiling ? strides.width - 1 : 0))
        return Pool(
            kind: isAverage ? .average : .maximum, size: Extent(height: size.height, width: size.width),
            strides: Extent(height: strides.height, width: strides.width), padding: .margins(margins))
    }

    /// The zeros that it adds around a map: PyTorch has left, right, top, bottom. Nil for other modules.
    var zeroMargins: Margins? {
        guard isKnown, ["ZeroPad2d", "ConstantPad2d"].contains(className),
            isAbsent("value") || number("value") == 0,
            case .numbers(let values)? = settings["padding"],
            case let margins = values.compactMap({ Int(exactly: $0) }), margins.count == 4,
            margins.allSatisfy((0...Self.zerosLimit).contains)
        else { return nil }
        return Margins(top: margins[2], bottom: margins[3], left: margins[0], right: margins[1])
    }

    /// The extent, the same along all dimensions, of the map or volume that a mean over regions makes, 1 for the mean of all
    /// positions; nil for other modules.
    var averagedSide: Int? {
        guard isKnown else { return nil }
        switch className {
        case "AdaptiveAvgPool2d":
            guard let size = pair("output_size"), size.height == size.width else { return nil }
            return size.height
        case "AdaptiveAvgPool3d":
            guard let size = extents("output_size", 3), size == [1, 1, 1] else { return nil }
            return 1
        case "FastAdaptiveAvgPool2d", "FastAdaptiveAvgPool": return 1
        default: return nil
        }
    }
}

extension Activation {
    /// PyTorch's class of the function, for errors.
    var className: String {
        switch self {
        case .relu: "ReLU"
        case .clippedReLU: "ReLU6"
        case .swish: "SiLU"
        case .hardSwish: "Hardswish"
        case .hardSigmoid: "Hardsigmoid"
        case .sigmoid: "Sigmoid"
        default: "\(self)"
        }
    }
}
