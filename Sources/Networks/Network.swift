/// A convolutional network as plain data: nodes in topological order that name their parameters.
///
/// Activations are channels-last, without the batch dimension: `[height, width, channels]` for maps and
/// `[features]` for vectors. Engines interpret a network; recognisers and conversions make new ones.
package struct Network: Sendable, Equatable {
    /// The name in the file, or the architecture's.
    package var name: String
    /// The architecture as text: `ResNet-50 (torchvision names)`, `Keras Functional`.
    package var architecture: String
    /// Decides the default preprocessing and how new parameters are named.
    package var family: Family
    /// The network's input.
    package var input: Input
    /// Nodes in topological order: every node comes after its inputs. The first is the input.
    package var nodes: [Node]
    /// The node whose value is the network's output.
    package var output: Int
    /// False where only norms and some convolutions are known, each after an input of its own: such a network can be
    /// converted and not run.
    package var isComplete = true
    /// Norms that are not connected with what stands before them, and the convolutions that may stand there. Empty where
    /// the graph is known.
    package var looseNorms: [LooseNorm] = []

    /// A network of the given parts.
    package init(
        name: String, architecture: String, family: Family, input: Input, nodes: [Node], output: Int
    ) {
        self.name = name
        self.architecture = architecture
        self.family = family
        self.input = input
        self.nodes = nodes
        self.output = output
    }

    /// The size of an input image; a nil height or width means any.
    package struct Input: Sendable, Equatable {
        /// Rows of an image, if the file fixes them.
        package var height: Int?
        /// Columns of an image, if the file fixes them.
        package var width: Int?
        /// Colours of an image.
        package var channels: Int

        /// An input of the given extents.
        package init(height: Int?, width: Int?, channels: Int) {
            self.height = height
            self.width = width
            self.channels = channels
        }
    }

    /// The source of a network, which determines its conventions.
    package enum Family: String, Sendable, Equatable {
        /// Keras, not one of keras.applications' networks.
        case keras
        /// keras.applications ResNet50/101/152: BGR minus the ImageNet means.
        case kerasResNet
        /// keras.applications ResNet50V2 and so on: scaled to −1…1.
        case kerasResNetV2
        /// PyTorch parameter names: scaled to 0…1, then ImageNet mean and deviation.
        case torch
        /// Big Transfer in any framework's names: scaled to −1…1.
        case bit
    }
}

/// One operation of a network, and the nodes it takes its operands from.
package struct Node: Sendable, Equatable {
    /// The layer's name in the file. Several nodes may come from one layer (a conv and its activation).
    package var layer: String
    /// What the node computes.
    package var operation: Operation
    /// Indices into `Network.nodes`, each less than the node's own.
    package var inputs: [Int]

    /// A node.
    package init(layer: String, operation: Operation, inputs: [Int]) {
        self.layer = layer
        self.operation = operation
        self.inputs = inputs
    }
}

/// What a node computes. Parameters are names in the checkpoint's table.
package enum Operation: Sendable, Equatable {
    /// The network's input.
    case input
    /// 2-D convolution (cross-correlation), grouped and depthwise ones included.
    case convolution(Convolution)
    /// Fully connected layer over the innermost dimension.
    case dense(Dense)
    /// Batch normalization at inference: stored statistics.
    case batchNorm(BatchNorm)
    /// Group normalization (Wu & He 2018).
    case groupNorm(GroupNorm)
    /// Layer normalization over the channels of each position.
    case layerNorm(LayerNorm)
    /// A function of each element, or softmax over the innermost dimension.
    case activation(Activation)
    /// Maximum or average over windows.
    case pool(Pool)
    /// Maximum or average over all positions; `[features]`, or `[1, 1, features]` where dimensions are kept.
    case globalPool(Pool.Kind, keepsDimensions: Bool)
    /// Zeros around a map.
    case zeroPad(Margins)
    /// Zero channels before and after a map's own.
    case padChannels(before: Int, after: Int)
    /// Elementwise sum of two or more inputs, broadcast like Keras' Add.
    case add
    /// Elementwise product of two or more inputs; `[1, 1, C]` or `[C]` is broadcast over a map.
    case multiply
    /// Concatenation of the inputs' channels.
    case concatenate
    /// All dimensions as one, in channels-last order.
    case flatten
    /// Another shape of the same count, in channels-last order; −1 once for "the rest".
    case reshape([Int])
    /// x·scale + offset, one value or one per channel, from a layer's configuration.
    case scaleShift(scale: [Float], offset: [Float])
    /// (x − mean) / max(√variance, 1e-7) per channel, from stored parameters (Keras' Normalization).
    case standardizeInput(mean: String, variance: String)
}

/// A 2-D convolution.
package struct Convolution: Sendable, Equatable {
    /// The kernel's parameter name.
    package var kernel: String
    /// How the kernel's dimensions are ordered.
    package var kernelLayout: KernelLayout
    /// The bias' parameter name, shape [outputs].
    package var bias: String?
    /// Channels of the input map.
    package var inputs: Int
    /// Channels of the output map.
    package var outputs: Int
    /// Rows and columns of the kernel.
    package var size: Extent2D
    /// Step between outputs.
    package var strides: Extent2D
    /// Step between the taps of the kernel, 1 for a plain one.
    package var dilation: Extent2D
    /// Groups of channels that are convolved apart; `inputs` for a depthwise one.
    package var groups: Int
    /// What surrounds the input.
    package var padding: Padding
    /// ε of weight standardization (biased variance, inside the root) where the layer standardizes its stored kernel
    /// before it is used; nil for a plain convolution.
    package var standardization: Double?

    /// A convolution.
    package init(
        kernel: String, kernelLayout: KernelLayout, bias: String?, inputs: Int, outputs: Int, size: Extent2D,
        strides: Extent2D, dilation: Extent2D, groups: Int, padding: Padding, standardization: Double? = nil
    ) {
        self.kernel = kernel
        self.kernelLayout = kernelLayout
        self.bias = bias
        self.inputs = inputs
        self.outputs = outputs
        self.size = size
        self.strides = strides
        self.dilation = dilation
        self.groups = groups
        self.padding = padding
        self.standardization = standardization
    }
}

/// The order of a stored kernel's dimensions.
package enum KernelLayout: String, Sendable, Equatable {
    /// Keras Conv2D: [rows, columns, inputs / groups, outputs].
    case hwio
    /// PyTorch: [outputs, inputs / groups, rows, columns].
    case oihw
    /// Keras DepthwiseConv2D: [rows, columns, inputs, multiplier]; output channel is input·multiplier + m.
    case hwim
}

/// Rows and columns of something.
package struct Extent2D: Sendable, Equatable {
    /// Along the height.
    package var rows: Int
    /// Along the width.
    package var columns: Int

    /// Rows and columns.
    package init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    /// As many rows as columns.
    package init(_ both: Int) { self.init(rows: both, columns: both) }
}

/// Rows and columns around a map.
package struct Margins: Sendable, Equatable {
    /// Rows above the first.
    package var top: Int
    /// Rows below the last.
    package var bottom: Int
    /// Columns left of the first.
    package var left: Int
    /// Columns right of the last.
    package var right: Int

    /// Margins on four sides.
    package init(top: Int, bottom: Int, left: Int, right: Int) {
        self.top = top
        self.bottom = bottom
        self.left = left
        self.right = right
    }

    /// The same margin on all sides.
    package init(_ all: Int) { self.init(top: all, bottom: all, left: all, right: all) }
}

/// How windows treat the border of a map.
package enum Padding: Sendable, Equatable {
    /// TensorFlow's "same": ⌈n / stride⌉ outputs, the odd element of the margin at the bottom and right.
    case same
    /// These margins; all zero for "valid".
    case margins(Margins)

    /// No margin.
    package static let valid = Padding.margins(Margins(0))
}

/// A fully connected layer.
package struct Dense: Sendable, Equatable {
    /// The kernel's parameter name.
    package var kernel: String
    /// True for PyTorch's [outputs, inputs], false for Keras' [inputs, outputs].
    package var kernelIsTransposed: Bool
    /// The bias' parameter name, shape [outputs].
    package var bias: String?
    /// Features of the input.
    package var inputs: Int
    /// Features of the output.
    package var outputs: Int

    /// A fully connected layer.
    package init(kernel: String, kernelIsTransposed: Bool, bias: String?, inputs: Int, outputs: Int) {
        self.kernel = kernel
        self.kernelIsTransposed = kernelIsTransposed
        self.bias = bias
        self.inputs = inputs
        self.outputs = outputs
    }

    /// The same layer as a convolution of one tap, over as many positions as there are outer elements.
    package var convolution: Convolution {
        Convolution(
            kernel: kernel, kernelLayout: kernelIsTransposed ? .oihw : .hwio, bias: bias, inputs: inputs,
            outputs: outputs, size: Extent2D(1), strides: Extent2D(1), dilation: Extent2D(1), groups: 1,
            padding: .valid)
    }
}

/// Batch normalization: γ(x − μ)/√(σ² + ε) + β per channel, with stored statistics (Ioffe & Szegedy 2015).
package struct BatchNorm: Sendable, Equatable {
    /// The scale's parameter name; nil means 1.
    package var gamma: String?
    /// The offset's parameter name; nil means 0.
    package var beta: String?
    /// The running mean's parameter name.
    package var mean: String
    /// The running variance's parameter name.
    package var variance: String
    /// Parameters that only training needs (PyTorch's `num_batches_tracked`).
    package var bookkeeping: [String]
    /// ε, added to the variance.
    package var epsilon: Double
    /// Channels.
    package var channels: Int

    /// Batch normalization.
    package init(
        gamma: String?, beta: String?, mean: String, variance: String, bookkeeping: [String] = [],
        epsilon: Double, channels: Int
    ) {
        self.gamma = gamma
        self.beta = beta
        self.mean = mean
        self.variance = variance
        self.bookkeeping = bookkeeping
        self.epsilon = epsilon
        self.channels = channels
    }
}

/// Group normalization: each sample's statistics over positions and the consecutive channels of a group, biased
/// variance, then γ and β per channel (Wu & He 2018).
package struct GroupNorm: Sendable, Equatable {
    /// The scale's parameter name; nil means 1.
    package var gamma: String?
    /// The offset's parameter name; nil means 0.
    package var beta: String?
    /// Number of groups; divides `channels`.
    package var groups: Int
    /// ε, added to the variance.
    package var epsilon: Double
    /// Channels.
    package var channels: Int

    /// Group normalization.
    package init(gamma: String?, beta: String?, groups: Int, epsilon: Double, channels: Int) {
        self.gamma = gamma
        self.beta = beta
        self.groups = groups
        self.epsilon = epsilon
        self.channels = channels
    }
}

/// Layer normalization over the channels of each position, as Keras does with `axis=-1`.
package struct LayerNorm: Sendable, Equatable {
    /// The scale's parameter name; nil means 1.
    package var gamma: String?
    /// The offset's parameter name; nil means 0.
    package var beta: String?
    /// ε, added to the variance.
    package var epsilon: Double
    /// Channels.
    package var channels: Int

    /// Layer normalization.
    package init(gamma: String?, beta: String?, epsilon: Double, channels: Int) {
        self.gamma = gamma
        self.beta = beta
        self.epsilon = epsilon
        self.channels = channels
    }
}

/// A function of each element, softmax apart.
package enum Activation: Sendable, Equatable {
    /// max(x, 0)
    case relu
    /// min(max(x, 0), limit)
    case clippedReLU(limit: Float)
    /// x where positive, slope·x elsewhere
    case leakyReLU(slope: Float)
    /// 1 / (1 + e⁻ˣ)
    case sigmoid
    /// tanh x
    case tanh
    /// x / (1 + e⁻ˣ), also called SiLU
    case swish
    /// eˣ / Σ eˣ over the innermost dimension
    case softmax
}

/// A maximum or average over windows.
package struct Pool: Sendable, Equatable {
    /// Which statistic of a window.
    package enum Kind: String, Sendable, Equatable {
        /// The largest value; margins never win.
        case maximum
        /// The mean of the values inside the map; margins are not counted.
        case average
    }
    /// Maximum or average.
    package var kind: Kind
    /// Rows and columns of a window.
    package var size: Extent2D
    /// Step between windows.
    package var strides: Extent2D
    /// What surrounds the input.
    package var padding: Padding

    /// Pooling over windows.
    package init(kind: Kind, size: Extent2D, strides: Extent2D, padding: Padding) {
        self.kind = kind
        self.size = size
        self.strides = strides
        self.padding = padding
    }
}
