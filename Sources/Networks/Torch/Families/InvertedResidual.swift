/// The layers of an inverted residual block (Sandler et al. 2018), by name: a 1×1 convolution that widens the map, a
/// depthwise one, squeeze-and-excitation, a 1×1 convolution that narrows the map again.
struct InvertedResidual {
    /// A convolution and the norm behind it.
    typealias Layers = (convolution: String, norm: String)

    /// The block's name.
    let name: String
    /// Nil where the block does not widen the map.
    var expansion: Layers?
    var depthwise: Layers
    var squeeze: SqueezeExcitation?
    var projection: Layers
}

/// The layers of squeeze-and-excitation (Hu et al. 2018), by name: each channel is multiplied by a function of all channels'
/// means.
struct SqueezeExcitation {
    /// The module's name.
    let name: String
    /// Its two 1×1 convolutions: to few channels and back.
    var reduction = "fc1"
    var expansion = "fc2"
    /// What follows the first of them.
    var activation = Activation.relu
    /// What follows the second.
    var gate = Activation.sigmoid
}

extension InvertedResidual {
    /// A block of torchvision's MobileNetV3 and EfficientNet: `block.0.0`, `block.0.1`, `block.1.0`, …
    init(torchvision name: String, _ names: TorchNames) {
        self.name = name
        func layers(_ step: Int) -> Layers { ("\(name).block.\(step).0", "\(name).block.\(step).1") }
        let squeeze = (1...2).first { names["\(name).block.\($0).fc1.weight"] != nil }
        let depthwise = squeeze.map { $0 - 1 } ?? (names.hasConvolution("\(name).block.2.0") ? 1 : 0)
        if depthwise == 1 { expansion = layers(0) }
        self.depthwise = layers(depthwise)
        self.squeeze = squeeze.map { SqueezeExcitation(name: "\(name).block.\($0)") }
        projection = layers(depthwise + (squeeze == nil ? 1 : 2))
    }

    /// A block of torchvision's MobileNetV2: `conv.0.0`, `conv.0.1`, `conv.1.0`, `conv.1.1`, `conv.2`, `conv.3`.
    init(mobileNetV2 name: String, _ names: TorchNames) {
        self.name = name
        let depthwise = names.hasConvolution("\(name).conv.1.0") ? 1 : 0
        func layers(_ step: Int) -> Layers { ("\(name).conv.\(step).0", "\(name).conv.\(step).1") }
        if depthwise == 1 { expansion = layers(0) }
        self.depthwise = layers(depthwise)
        projection = ("\(name).conv.\(depthwise + 1)", "\(name).conv.\(depthwise + 2)")
    }

    /// A block of timm's MobileNets and EfficientNets: `conv_pw`, `bn1`, `conv_dw`, `bn2`, `conv_pwl`, `bn3`, without a
    /// wider map `conv_dw`, `bn1`, `conv_pw`, `bn2`.
    init(timm name: String, _ names: TorchNames) {
        self.name = name
        if names.hasConvolution("\(name).conv_pwl") {
            expansion = ("\(name).conv_pw", "\(name).bn1")
            depthwise = ("\(name).conv_dw", "\(name).bn2")
            projection = ("\(name).conv_pwl", "\(name).bn3")
        } else {
            depthwise = ("\(name).conv_dw", "\(name).bn1")
            projection = ("\(name).conv_pw", "\(name).bn2")
        }
        if names.hasConvolution("\(name).se.conv_reduce") {
            squeeze = SqueezeExcitation(
                name: "\(name).se", reduction: "conv_reduce", expansion: "conv_expand")
        }
    }

    /// A block of efficientnet_pytorch: `_expand_conv`, `_bn0`, `_depthwise_conv`, `_bn1`, `_se_reduce`, `_se_expand`,
    /// `_project_conv`, `_bn2`.
    init(efficientNetPyTorch name: String, _ names: TorchNames) {
        self.name = name
        if names.hasConvolution("\(name)._expand_conv") {
            expansion = ("\(name)._expand_conv", "\(name)._bn0")
        }
        depthwise = ("\(name)._depthwise_conv", "\(name)._bn1")
        squeeze = SqueezeExcitation(name: name, reduction: "_se_reduce", expansion: "_se_expand")
        projection = ("\(name)._project_conv", "\(name)._bn2")
    }
}

extension GraphBuilder {
    /// A convolution and a norm, then the activation if there is one. Without `groups`, any number of them fits.
    mutating func normalized(
        _ layers: InvertedResidual.Layers, _ input: Value, size: Int, stride: Int = 1,
        padding: Padding? = nil, groups: Int? = 1, activation: Activation? = nil
    ) throws(NetworkError) -> Value {
        var value = try convolution(
            layers.convolution, input, size: size, stride: stride, padding: padding, groups: groups)
        value = try norm(layers.norm, value)
        return activation.map { apply(.activation($0), layers.norm, to: value) } ?? value
    }

    /// A convolution of each channel by itself, a norm and the activation.
    mutating func depthwise(
        _ layers: InvertedResidual.Layers, _ input: Value, size: Int, stride: Int, padding: Padding? = nil,
        activation: Activation
    ) throws(NetworkError) -> Value {
        let value = try normalized(
            layers, input, size: size, stride: stride, padding: padding, groups: input.channels,
            activation: activation)
        guard value.channels == input.channels else {
            throw .wrongShape(
                parameter: names.expectedName(.kernel, of: layers.convolution),
                found: "\(value.channels) outputs", expected: "\(input.channels), as many as inputs")
        }
        return value
    }

    /// The map with each channel multiplied by what its module makes of all channels' means.
    mutating func squeezeExcitation(
        _ module: SqueezeExcitation, _ input: Value
    ) throws(NetworkError) -> Value {
        let name = module.name
        var value = apply(.globalPool(.average, keepsDimensions: true), "\(name).avgpool", to: input)
        value = try convolution("\(name).\(module.reduction)", value, size: 1, stride: 1, groups: 1)
        value = apply(.activation(module.activation), "\(name).activation", to: value)
        value = try convolution("\(name).\(module.expansion)", value, size: 1, stride: 1, groups: 1)
        value = apply(.activation(module.gate), "\(name).gate", to: value)
        guard value.channels == input.channels else {
            throw .wrongShape(
                parameter: names.expectedName(.kernel, of: "\(name).\(module.expansion)"),
                found: "\(value.channels) outputs", expected: "\(input.channels)")
        }
        return Value(node: append(name, .multiply, [input.node, value.node]), channels: input.channels)
    }

    /// An inverted residual block: its input is added where its output is of the same extents.
    mutating func invertedResidual(
        _ block: InvertedResidual, _ input: Value, size: Int, stride: Int, padding: Padding? = nil,
        activation: Activation
    ) throws(NetworkError) -> Value {
        var value = input
        if let expansion = block.expansion {
            value = try normalized(expansion, value, size: 1, activation: activation)
        }
        value = try depthwise(
            block.depthwise, value, size: size, stride: stride, padding: padding, activation: activation)
        if let squeeze = block.squeeze { value = try squeezeExcitation(squeeze, value) }
        value = try normalized(block.projection, value, size: 1)
        return stride == 1 ? added(block.name, value, to: input) : value
    }

    /// The sum with a block's input where both have the same channels, else the block's output alone.
    mutating func added(_ name: String, _ value: Value, to input: Value) -> Value {
        guard value.channels == input.channels else { return value }
        return Value(
            node: append("\(name).add", .add, [value.node, input.node]), channels: value.channels)
    }
}

extension TorchNames {
    /// How many modules `name(0)`, `name(1)`, … the file has one after the other.
    func count(_ name: (Int) -> String) -> Int {
        var count = 0
        while hasConvolution(name(count)) { count += 1 }
        return count
    }
}
