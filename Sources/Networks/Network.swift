import Tensors

/// A convolutional network as plain data: nodes in topological order that name their parameters.
///
/// Activations are channels-last, without the batch dimension: `[height, width, channels]` for maps,
/// `[depth, height, width, channels]` for volumes and `[features]` for vectors. Steps in time are maps of one row.
/// Engines interpret a network; recognisers and conversions make new ones.
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
    /// The node whose value is the network's output; the first of several.
    package var output: Int
    /// The outputs by name, if there are several; empty for a network with one.
    package var outputs: [Output] = []
    /// False where only norms and some convolutions are known, each after an input of its own: such a network can be
    /// converted and not run.
    package var isComplete = true
    /// Norms of which nothing proves what stands directly before them, and the convolutions that may stand there. Empty where
    /// the graph is known.
    package var looseNorms: [LooseNorm] = []
    /// Norms that read their convolutions because somebody said so (`GivenPairs`), by their indices.
    package var givenNorms: Set<Int> = []

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

    /// One of several outputs.
    package struct Output: Sendable, Equatable {
        /// Its name: its key, or the layer that computes it.
        package var name: String
        /// Its node.
        package var node: Int

        /// One of several outputs.
        package init(name: String, node: Int) { (self.name, self.node) = (name, node) }
    }

    /// The size of an input image; a nil extent means any.
    ///
    /// Steps in time are an image of one row; a volume is images one behind another.
    package struct Input: Sendable, Equatable {
        /// Images of a volume, if the file fixes them; 1 for an image.
        package var depth: Int? = 1
        /// Rows of an image, if the file fixes them.
        package var height: Int?
        /// Columns of an image, if the file fixes them.
        package var width: Int?
        /// Colours of an image.
        package var channels: Int
        /// Dimensions without the channels: 1 for steps, 2 for an image, 3 for a volume.
        package var dimensions = 2
        /// All extents without the batch, nil for any, if the input is no image; nil for an image.
        package var extents: [Int?]?

        /// An input of the given extents.
        package init(height: Int?, width: Int?, channels: Int) {
            self.height = height
            self.width = width
            self.channels = channels
        }

        /// An input of 1 to 3 dimensions, outermost first.
        package init(extents: [Int?], channels: Int) {
            let all = Array(repeating: 1, count: max(3 - extents.count, 0)) + extents
            self.init(height: all[all.count - 2], width: all[all.count - 1], channels: channels)
            (depth, dimensions) = (all[all.count - 3], extents.count)
        }

        /// The extents as the network's file has them: 1 to 3 and the channels.
        package var ownExtents: [Int?] {
            extents ?? Array([depth, height, width].suffix(dimensions)) + [channels]
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

extension Network {
    /// Whether the node's first operand is the image, as it is or through nodes without trained parameters. False where
    /// the graph is unknown.
    package func readsImage(_ index: Int) -> Bool {
        guard isComplete, let operand = nodes[index].inputs.first else { return false }
        switch nodes[operand].operation {
        case .input: return true
        case .convolution, .transposedConvolution, .dense, .batchNorm, .groupNorm, .layerNorm, .prelu,
            .opaque:
            return false
        default: return readsImage(operand)
        }
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
    /// Convolution (cross-correlation) of 1 to 3 dimensions, grouped and depthwise ones included.
    case convolution(Convolution)
    /// Transposed 2-D convolution.
    case transposedConvolution(TransposedConvolution)
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
    /// x where positive, slope·x elsewhere, with stored slopes.
    case prelu(PReLU)
    /// Maximum or average over windows.
    case pool(Pool)
    /// Maximum or average over all positions; `[features]`, or `[1, 1, features]` where dimensions are kept.
    case globalPool(Pool.Kind, keepsDimensions: Bool)
    /// Zeros around a map.
    case zeroPad(Margins)
    /// A part of a map.
    case crop(Crop)
    /// A map of another number of rows and columns.
    case resize(Resize)
    /// These channels, in this order; a single one may leave its dimension out.
    case selectChannels([Int], keepsDimension: Bool)
    /// The inputs along a new innermost dimension.
    case stack
    /// Dimensions in another order, counted from 0 without the batch.
    case permute([Int])
    /// x / ‖x‖ over the innermost dimension, the norm being at least ε.
    case unitNorm(epsilon: Double)
    /// Zero channels before and after a map's own.
    case padChannels(before: Int, after: Int)
    /// Elementwise sum of two or more inputs, broadcast like Keras' Add.
    case add
    /// Elementwise product of two or more inputs; `[1, 1, C]` or `[C]` is broadcast over a map.
    case multiply
    /// Another combination of two or more inputs, broadcast like `add`.
    case merge(Merge)
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
    /// A layer that is kept as it is, and not computed; an input that is no image has no operands.
    case opaque(OpaqueLayer)
}
