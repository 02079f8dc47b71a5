import Tensors

/// A convolution: of maps, or of 1 or 3 dimensions (`spatial`).
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
    package var size: Extent
    /// The kernel's own extents, outermost first, where it has 1 or 3 dimensions; nil for rows and columns. `size` is
    /// then the kernel of a map with the same order in memory (`planarSize`): it has the same filters.
    package var spatial: [Int]?
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
        spatial: [Int]? = nil
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
        self.spatial = spatial
    }

    /// Rows and columns of the kernel that has the same order in memory as one of these extents: the last extent is the
    /// columns, the others make the rows. Nil for no extents, extents below 1, and overflow.
    package static func planarSize(_ spatial: [Int]) -> Extent? {
        guard let columns = spatial.last, spatial.allSatisfy({ $0 > 0 }) else { return nil }
        var rows = 1
        for extent in spatial.dropLast() {
            let (product, overflow) = rows.multipliedReportingOverflow(by: extent)
            if overflow { return nil }
            rows = product
        }
        return Extent(height: rows, width: columns)
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
    /// PyTorch's Linear on a flattened map: [outputs, inputs · rows · columns], values in the order of `oihw`.
    case flattened
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
