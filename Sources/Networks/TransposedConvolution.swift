import Tensors

/// A transposed 2-D convolution, the gradient of a convolution with respect to its input: every element of the input adds
/// the kernel, multiplied with itself, to a window of the output. Windows are `strides` apart.
package struct TransposedConvolution: Sendable, Equatable {
    /// The kernel's parameter name, [rows, columns, outputs, inputs] as Keras keeps it.
    package var kernel: String
    /// The bias' parameter name, shape [outputs].
    package var bias: String?
    /// Channels of the input map.
    package var inputs: Int
    /// Channels of the output map.
    package var outputs: Int
    /// Rows and columns of the kernel.
    package var size: Extent
    /// Step between windows.
    package var strides: Extent
    /// Step between a window's elements.
    package var dilation: Extent
    /// Whether the output has `strides` times as many rows and columns as the input, instead of all that windows cover.
    package var isSame: Bool
    /// Rows and columns added at the bottom and right; nil for what makes up the usual extents.
    package var outputPadding: Extent?

    /// A transposed convolution.
    package init(
        kernel: String, bias: String?, inputs: Int, outputs: Int, size: Extent, strides: Extent, isSame: Bool,
        dilation: Extent = Extent(1), outputPadding: Extent? = nil
    ) {
        self.kernel = kernel
        self.bias = bias
        self.inputs = inputs
        self.outputs = outputs
        self.size = size
        self.strides = strides
        self.dilation = dilation
        self.isSame = isSame
        self.outputPadding = outputPadding
    }

    /// [rows, columns, outputs, inputs]; nil where their product overflows.
    package var kernelShape: Shape? { Shape(checking: [size.height, size.width, outputs, inputs]) }

    /// Extents of the output for an input map of these extents; nil where they overflow or nothing is left.
    package func outputExtent(height: Int, width: Int) -> Extent? {
        guard
            let span = span,
            let rows = length(height, span.height, strides.height, outputPadding?.height),
            let columns = length(width, span.width, strides.width, outputPadding?.width)
        else { return nil }
        return Extent(height: rows, width: columns)
    }

    /// Rows and columns of the first window that lie before the output.
    package var offset: (rows: Int, columns: Int) {
        let span = span ?? size
        return (
            offset(span.height, strides.height, outputPadding?.height),
            offset(span.width, strides.width, outputPadding?.width)
        )
    }

    /// Rows and columns that a window covers; nil where they overflow.
    private var span: Extent? {
        guard let rows = Networks.span(size.height, dilation.height),
            let columns = Networks.span(size.width, dilation.width)
        else { return nil }
        return Extent(height: rows, width: columns)
    }

    /// Keras' rule, `_get_output_shape_given_tf_padding` in its `backend_utils.py`.
    private func length(_ count: Int, _ size: Int, _ stride: Int, _ padding: Int?) -> Int? {
        guard count > 0 else { return nil }
        let (steps, overflow) = (count - 1).multipliedReportingOverflow(by: stride)
        guard !overflow else { return nil }
        let last =
            isSame ? padding.map { size % 2 + $0 } ?? stride : size + (padding ?? max(stride - size, 0))
        return checkedSum([steps, last]).flatMap { $0 > 0 ? $0 : nil }
    }

    /// From `_convert_conv_transpose_padding_args_from_keras_to_jax` there, which tells what is left of the full result.
    private func offset(_ size: Int, _ stride: Int, _ padding: Int?) -> Int {
        guard isSame else { return 0 }
        let total = padding.map { size + size % 2 - 2 + $0 } ?? stride + size - 2
        return size - 1 - min(total / 2 + total % 2, size - 1)
    }
}

extension TransposedConvolution {
    /// Multiply-adds for an input of this shape.
    package func multiplyAdds(input: Shape) -> Double {
        Double(input.count) * Double(size.height) * Double(size.width) * Double(outputs)
    }
}
