import Tensors
import Testing

@testable import Networks

@Suite("What recorded modules compute")
struct RecordedLayerTests {
    private static func module(
        _ className: String, _ settings: [String: RecordedSetting] = [:],
        library: String = "torch.nn.modules.conv"
    ) -> RecordedModule {
        RecordedModule(className: className, library: library, settings: settings, isLeaf: true)
    }

    private static let convolution = Convolution(
        kernel: "w", kernelLayout: .oihw, bias: nil, inputs: 4, outputs: 4, size: Extent(3),
        strides: Extent(2),
        dilation: Extent(1), groups: 1, padding: .margins(Margins(1)))

    private static func settings(
        _ changes: [String: RecordedSetting] = [:]
    ) -> [String: RecordedSetting] {
        [
            "stride": .numbers([1, 2]), "dilation": .numbers([1, 1]), "padding": .numbers([0, 1]),
            "groups": .number(1), "padding_mode": .text("zeros"),
        ].merging(changes) { $1 }
    }

    @Test("a convolution takes its strides, padding and dilation")
    func convolution() {
        var taken = Self.convolution
        #expect(taken.take(Self.module("Conv2d", Self.settings()), static: nil) == nil)
        #expect(taken.strides == Extent(height: 1, width: 2))
        #expect(taken.padding == .margins(Margins(top: 0, bottom: 0, left: 1, right: 1)))
        let same = Self.settings(["padding": .text("same"), "dilation": .number(2), "stride": .number(1)])
        #expect(taken.take(Self.module("Conv2d", same), static: nil) == nil)
        #expect(taken.padding == .margins(Margins(2)))
        let standardized = Self.settings(["eps": .number(1e-6)])
        #expect(
            taken.take(Self.module("StdConv2d", standardized, library: "timm.layers.std_conv"), static: nil)
                == nil)
        #expect(taken.standardization == 1e-6)
    }

    @Test(
        "settings that no convolution has are told, and never trap",
        arguments: [
            ["stride": .number(0)], ["stride": .numbers([-1, 1])], ["stride": .number(0x1p62)],
            ["stride": .none],
            ["stride": .number(1.5)], ["stride": .numbers([1, 1, 1])], ["dilation": .number(0x1p40)],
            ["padding": .numbers([-1, 0])], ["padding": .number(0x1p62)], ["padding": .numbers([4, 0])],
            ["padding": .text("other")],
            ["groups": .number(2)], ["groups": .number(1e300)], ["padding_mode": .text("circular")],
        ] as [[String: RecordedSetting]])
    func wrongSettings(changes: [String: RecordedSetting]) {
        var taken = Self.convolution
        #expect(taken.take(Self.module("Conv2d", Self.settings(changes)), static: nil) != nil)
    }

    /// A kernel of so many dimensions.
    private static func convolution(dimensions: Int) -> Convolution {
        var convolution = convolution
        (convolution.dimensions, convolution.size) = (
            dimensions, Extent(Array(repeating: 3, count: dimensions))
        )
        return convolution
    }

    @Test(
        "convolutions of volumes, torchvision's too, have a depth",
        arguments: [
            ("torch.nn.modules.conv", "Conv3d"), ("torchvision.models.video.resnet", "Conv3DSimple"),
            ("torchvision.models.video.resnet", "Conv3DNoTemporal"),
        ])
    func volumes(library: String, className: String) {
        var taken = Self.convolution(dimensions: 3)
        let settings = Self.settings([
            "stride": .numbers([1, 2, 3]), "dilation": .number(2), "padding": .numbers([0, 1, 2]),
        ])
        #expect(taken.take(Self.module(className, settings, library: library), static: nil) == nil)
        #expect(taken.strides == Extent([1, 2, 3]))
        #expect(taken.dilation == Extent([2, 2, 2]))
        #expect(taken.padding == .margins(Margins([(0, 0), (1, 1), (2, 2)])))
        let same = Self.settings(["stride": .number(1), "dilation": .number(1), "padding": .text("same")])
        #expect(taken.take(Self.module(className, same, library: library), static: nil) == nil)
        #expect(taken.padding == .margins(Margins([(1, 1), (1, 1), (1, 1)])))
    }

    @Test("convolutions of steps have columns alone")
    func steps() {
        var taken = Self.convolution(dimensions: 1)
        let settings = Self.settings([
            "stride": .numbers([2]), "dilation": .numbers([1]), "padding": .numbers([1]),
        ])
        #expect(taken.take(Self.module("Conv1d", settings), static: nil) == nil)
        #expect(taken.strides == Extent(height: 1, width: 2))
        #expect(taken.padding == .margins(Margins([(1, 1)])))
    }

    @Test("errors name the convolution of the kernel's dimensions", arguments: 1...3)
    func expectedClass(dimensions: Int) {
        var taken = Self.convolution(dimensions: dimensions)
        let problem = taken.take(Self.module("Own", Self.settings(), library: "own"), static: nil)
        #expect(problem == "is a module of class 'Own', expected Conv\(dimensions)d")
    }

    @Test(
        "the mean of a volume is that of all positions",
        arguments: [
            (.numbers([1, 1, 1]), 1), (.number(1), 1), (.numbers([1, 2, 2]), nil), (.numbers([1, 1]), nil),
        ] as [(RecordedSetting, Int?)])
    func means(size: RecordedSetting, side: Int?) {
        let module = Self.module(
            "AdaptiveAvgPool3d", ["output_size": size], library: "torch.nn.modules.pooling")
        #expect(module.averagedSide == side)
    }

    @Test("other classes are no convolutions", arguments: ["ConvTranspose2d", "Own"])
    func otherClasses(className: String) {
        var taken = Self.convolution
        let library = className == "Own" ? "own" : "torch.nn.modules.conv"
        let problem = taken.take(Self.module(className, Self.settings(), library: library), static: nil)
        #expect(problem == "is a module of class '\(className)', expected Conv2d")
    }

    @Test(
        "pools have PyTorch's windows",
        arguments: [
            (
                "MaxPool2d", ["kernel_size": .number(3), "stride": .number(2), "padding": .number(1)],
                Margins(1)
            ),
            (
                "MaxPool2d", ["kernel_size": .number(3), "stride": .number(2), "ceil_mode": .flag(true)],
                Margins(top: 0, bottom: 1, left: 0, right: 1)
            ),
            ("AvgPool2d", ["kernel_size": .number(2)], Margins(0)),
            // A list of one number is for rows and columns.
            (
                "MaxPool2d",
                [
                    "kernel_size": .numbers([3]), "stride": .numbers([2]), "padding": .numbers([1]),
                    "dilation": .numbers([1]),
                ], Margins(1)
            ),
            // What is recorded and cannot be read has no default.
            ("AvgPool2d", ["kernel_size": .number(2), "stride": .none], nil),
            ("MaxPool2d", ["kernel_size": .number(3), "padding": .text("1")], nil),
            ("MaxPool2d", ["kernel_size": .number(3), "dilation": .numbers([2])], nil),
            ("MaxPool2d", ["kernel_size": .number(3), "ceil_mode": .none], nil),
            ("AvgPool2d", ["kernel_size": .number(2), "count_include_pad": .number(0)], nil),
            ("AvgPool2d", ["kernel_size": .number(2), "divisor_override": .numbers([3])], nil),
            // PyTorch pads by half a window at most.
            ("MaxPool2d", ["kernel_size": .number(3), "padding": .number(2)], nil),
            ("AvgPool2d", ["kernel_size": .number(3), "padding": .number(1)], nil),
            ("MaxPool2d", ["kernel_size": .number(3), "dilation": .number(2)], nil),
            ("MaxPool2d", ["kernel_size": .number(0)], nil), ("MaxPool2d", [:], nil),
            ("MaxPool2d", ["kernel_size": .number(0x1p62), "stride": .number(0x1p62)], nil),
            // The last window would begin behind the map.
            ("MaxPool2d", ["kernel_size": .number(2), "padding": .number(1), "ceil_mode": .flag(true)], nil),
        ] as [(String, [String: RecordedSetting], Margins?)])
    func pools(className: String, settings: [String: RecordedSetting], margins: Margins?) {
        let pool = Self.module(className, settings, library: "torch.nn.modules.pooling").pool()
        #expect(pool?.padding == margins.map(Padding.margins))
    }

    @Test(
        "activations of known libraries alone",
        arguments: [
            ("torch.nn.modules.activation", "ReLU", [:], .relu), ("own", "ReLU", [:], nil),
            (
                "torch.nn.modules.activation", "LeakyReLU", ["negative_slope": .number(0.5)],
                .leakyReLU(slope: 0.5)
            ),
            ("torch.nn.modules.activation", "LeakyReLU", [:], nil),
            ("torch.nn.modules.activation", "GELU", ["approximate": .text("tanh")], .approximateGELU),
            ("torch.nn.modules.activation", "GELU", ["approximate": .text("none")], .gelu),
            // Saved before PyTorch 1.12, which knew no other.
            ("torch.nn.modules.activation", "GELU", [:], .gelu),
            ("torch.nn.modules.activation", "GELU", ["approximate": .text("other")], nil),
            ("torch.nn.modules.activation", "GELU", ["approximate": RecordedSetting.none], nil),
            ("timm.layers.activations", "Swish", [:], .swish),
            ("torch.nn.modules.activation", "Softplus", ["beta": .number(1)], .softplus),
            (
                "torch.nn.modules.activation", "Softplus", ["beta": .number(1), "threshold": .number(20)],
                .softplus
            ),
            (
                "torch.nn.modules.activation", "Softplus", ["beta": .number(1), "threshold": .number(1)], nil
            ),
            ("torch.nn.modules.activation", "Softmax", [:], nil),
        ] as [(String, String, [String: RecordedSetting], Activation?)])
    func activations(
        library: String, className: String, settings: [String: RecordedSetting], expected: Activation?
    ) {
        #expect(Self.module(className, settings, library: library).activation == expected)
    }
}
