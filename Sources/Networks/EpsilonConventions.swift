import Tensors

/// ε of the batch norms of families that differ from their framework's default, where names and shapes prove the family.
///
/// From the sources of torchvision 0.29, timm 1.0, EfficientNet-PyTorch, Ultralytics' YOLO (`initialize_weights`) and
/// keras.applications. timm's EfficientNet and MobileNetV3 are no such families: the same names have 1e-5, and 1e-3 in the
/// `tf_` variants.
struct EpsilonConventions {
    /// ε, and who has it.
    struct Convention: Equatable {
        let epsilon: Double
        let source: String
    }

    /// Prefixes of parameters → their convention, longest first.
    private var prefixes: [(prefix: String, convention: Convention)] = []

    /// Networks of known families in a file at most.
    private static let most = 64

    /// The conventions of a file's networks.
    init(_ parameters: ParameterTable) {
        let names = parameters.names.map(Self.dotted)
        let shapes = Dictionary(zip(names, parameters.map(\.shape.extents))) { first, _ in first }
        for family in Family.all {
            let mark = family.marks[0]
            for name in names where name.hasSuffix(mark) && prefixes.count < Self.most {
                let prefix = String(name.dropLast(mark.count))
                guard prefix.isEmpty || prefix.hasSuffix("."),
                    family.marks.allSatisfy({ shapes[prefix + $0] != nil }),
                    family.fits({ shapes[prefix + $0] })
                else { continue }
                prefixes.append((prefix, family.convention))
            }
        }
        prefixes.sort { $0.prefix.utf8.count > $1.prefix.utf8.count }
    }

    /// A name with dots. Keras' names before Keras 3 end in `:0`, and repeat the layer's: `bn/bn/gamma:0` is `bn.gamma`.
    private static func dotted(_ name: String) -> String {
        guard name.hasSuffix(":0") else { return name.replacing("/", with: ".") }
        var parts = name.dropLast(2).split(separator: "/", omittingEmptySubsequences: false)
        if parts.count > 2, parts[parts.count - 2] == parts[parts.count - 3] {
            parts.remove(at: parts.count - 2)
        }
        return parts.joined(separator: ".")
    }

    /// The convention of a norm by the name of one of its parameters.
    func epsilon(of parameter: String) -> Convention? {
        let name = Self.dotted(parameter)
        return prefixes.first { name.hasPrefix($0.prefix) }?.convention
    }
}

/// A family of networks by its parameters.
private struct Family: Sendable {
    let convention: EpsilonConventions.Convention
    /// Names after the network's prefix that it always has.
    let marks: [String]
    /// Whether shapes, by such names, are the family's as well.
    let fits: @Sendable (_ shape: (String) -> [Int]?) -> Bool

    init(
        _ convention: EpsilonConventions.Convention, marks: [String],
        fits: @escaping @Sendable (_ shape: (String) -> [Int]?) -> Bool = { _ in true }
    ) {
        (self.convention, self.marks, self.fits) = (convention, marks, fits)
    }

    /// A family with TensorFlow's ε.
    init(source: String, marks: [String]) {
        self.init(EpsilonConventions.Convention(epsilon: 1e-3, source: source), marks: marks)
    }

    /// Whether a kernel has one input, as depthwise ones have.
    private static func isDepthwise(_ extents: [Int]?) -> Bool { extents?.count == 4 && extents?[1] == 1 }

    static let all = [
        Family(
            source: "as in torchvision's SSDLite",
            marks: [
                "head.classification_head.module_list.0.0.0.weight", "backbone.features.0.1.block.0.0.weight",
            ]),
        Family(
            MobileNetV3.convention, marks: ["0.0.weight", "1.block.0.0.weight"],
            fits: { $0("0.0.weight")?.dropFirst().first == 3 && isDepthwise($0("1.block.0.0.weight")) }),
        // Fused blocks are EfficientNetV2's; B5 to B7 have 2,048 features or more.
        Family(
            EfficientNet.secondConvention, marks: ["0.0.weight", "1.0.block.0.0.weight"],
            fits: { shape in
                shape("1.0.block.0.0.weight").map { $0.count == 4 && !isDepthwise($0) } ?? false
            }),
        Family(
            EfficientNet.largeConvention,
            marks: ["0.0.weight", "1.0.block.0.0.weight", "8.0.weight"],
            fits: { isDepthwise($0("1.0.block.0.0.weight")) && ($0("8.0.weight")?.first ?? 0) >= 2048 }),
        Family(
            source: "as in torchvision's MaxViT",
            marks: ["blocks.0.layers.0.layers.MBconv.layers.pre_norm.weight"]),
        Family(
            source: "as in torchvision's GoogLeNet",
            marks: ["inception3a.branch1.conv.weight", "inception5b.branch1.bn.weight"]),
        Family(
            source: "as in torchvision's Inception v3",
            marks: ["Conv2d_1a_3x3.conv.weight", "Mixed_5b.branch1x1.bn.weight"]),
        Family(
            source: "as in timm's Inception v4",
            marks: ["features.0.conv.weight", "features.6.branch3.1.bn.weight"]),
        Family(
            source: "as in timm's Inception-ResNet v2",
            marks: ["conv2d_1a.conv.weight", "mixed_5b.branch0.bn.weight"]),
        Family(
            source: "as in timm's NASNet and PNASNet",
            marks: ["cell_stem_0.comb_iter_0_left.bn_sep_1.weight"]),
        Family(
            source: "as in timm's aligned Xception",
            marks: ["stem.0.conv.weight", "blocks.0.stack.conv1.bn_dw.weight"]),
        Family(source: "as in timm's DPN", marks: ["features.conv2_1.c1x1_a.bn.weight"]),
        Family(
            EfficientNet.packageConvention,
            marks: ["_conv_stem.weight", "_blocks.0._depthwise_conv.weight"]),
        Family(
            source: "as in Ultralytics' YOLO",
            marks: ["model.0.conv.weight", "model.2.cv1.bn.weight", "model.2.m.0.cv1.bn.weight"]),
        Family(
            EpsilonConventions.Convention(epsilon: 1.001e-5, source: "as in keras.applications' DenseNet"),
            marks: ["pool2_bn.gamma", "conv2_block1_0_bn.gamma"]),
    ]
}
