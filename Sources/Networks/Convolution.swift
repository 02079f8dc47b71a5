import Tensors

/// A convolution of 1 to 3 dimensions, of which engines know one kind: over depth, rows and columns.
///
/// Steps in time are a map of one row, [1, steps, channels]. A volume is maps one behind another,
/// [depth, height, width, channels]; the kernel of a map has depth 1.
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
    /// Rows and columns of the kernel, and its depth.
    package var size: Extent
    /// Dimensions of the stored kernel without channels: 1 for columns alone, 2, or 3 with the depth.
    package var dimensions: Int
    /// Step between outputs.
    package var strides: Extent
    /// Step between the taps of the kernel, 1 for a plain one.
    package var dilation: Extent
    /// Groups of channels that are convolved apart; `inputs` for a depthwise one.
    package var groups: Int
    /// What surrounds the input.
    package var padding: Padding
    /// ε of weight standardization (biased variance, inside the root) where the layer standardizes its stored kernel
    /// before it is used; nil for a plain convolution.
    package var standardization: Double?
    /// What a file of names alone does not tell about the kernel; nil where it is known.
    package var doubt: Doubt?

    /// What a kernel may be besides a plain convolution's.
    package enum Doubt: String, Sendable, Equatable {
        /// That of a grouped convolution: the inputs are then those of one group.
        case mayBeGrouped
        /// That of a transposed convolution: its inputs are then first.
        case mayBeTransposed
    }

    /// A convolution.
    package init(
        kernel: String, kernelLayout: KernelLayout, bias: String?, inputs: Int, outputs: Int, size: Extent,
        strides: Extent, dilation: Extent, groups: Int, padding: Padding, standardization: Double? = nil,
        dimensions: Int = 2
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
        self.dimensions = dimensions
    }

    /// The stored kernel's extents without channels, outermost first.
    package var kernelExtents: [Int] { Array(size.all.suffix(dimensions)) }
}

/// The order of a stored kernel's dimensions.
package enum KernelLayout: String, Sendable, Equatable {
    /// Keras Conv2D: [rows, columns, inputs / groups, outputs]; with 3 dimensions, here and below, the depth is before the rows.
    case hwio
    /// PyTorch: [outputs, inputs / groups, rows, columns].
    case oihw
    /// Keras DepthwiseConv2D: [rows, columns, inputs, multiplier]; output channel is input·multiplier + m.
    case hwim
    /// PyTorch's Linear on a flattened map: [outputs, inputs · rows · columns], values in the order of `oihw`.
    case flattened
}
/// Rows and columns around a map, and maps around a volume.
package struct Margins: Sendable, Equatable {
    /// Maps before the first.
    package var front = 0
    /// Maps behind the last.
    package var back = 0
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

    /// Margins of 1 to 3 dimensions, outermost first: before the first and behind the last.
    package init(_ sides: [(Int, Int)]) {
        let all = Array(repeating: (0, 0), count: max(3 - sides.count, 0)) + sides
        let (depth, rows, columns) = (all[all.count - 3], all[all.count - 2], all[all.count - 1])
        self.init(top: rows.0, bottom: rows.1, left: columns.0, right: columns.1)
        (front, back) = depth
    }

    /// The same margin on all sides of a map.
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
    package var size: Extent
    /// Step between windows.
    package var strides: Extent
    /// What surrounds the input.
    package var padding: Padding

    /// Pooling over windows.
    package init(kind: Kind, size: Extent, strides: Extent, padding: Padding) {
        self.kind = kind
        self.size = size
        self.strides = strides
        self.padding = padding
    }
}
