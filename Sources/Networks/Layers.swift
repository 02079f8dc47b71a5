import Tensors

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
            outputs: outputs, size: Extent(1), strides: Extent(1), dilation: Extent(1), groups: 1,
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
    /// Keras' number of the dimension of channels if it is not the innermost or may not be; nil for the innermost.
    package var axis: Int?

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
    /// Keras' number of the dimension of channels if it is not the innermost or may not be; nil for the innermost.
    package var axis: Int?

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

/// The rectified linear unit with stored slopes: x where positive, slope·x elsewhere (He et al. 2015).
package struct PReLU: Sendable, Equatable {
    /// The slopes' parameter name.
    package var slopes: String
    /// The slopes' stored shape, as many dimensions as the map has, or two for steps: an extent of 1 is shared along its
    /// dimension.
    package var shape: [Int]

    /// A rectified linear unit with stored slopes.
    package init(slopes: String, shape: [Int]) {
        self.slopes = slopes
        self.shape = shape
    }
}
