import Networks
import Tensors
import Testing

/// OneDNN and the plain engine, element by element: within 1e-5 of the largest output.
@Suite("The fast engine computes what the reference engine does")
struct EngineAgreementTests {
    private let tolerance: Float = 1e-5

    private func expectAgreement(
        _ shape: Shape = [9, 7, 6], sourceLocation: SourceLocation = #_sourceLocation,
        _ build: (inout Graph) -> Void
    ) throws {
        var graph = Graph(shape)
        build(&graph)
        #expect(try graph.disagreement() <= tolerance, sourceLocation: sourceLocation)
    }

    @Test(
        "Convolutions of all layouts, paddings and strides",
        arguments: [KernelLayout.hwio, .oihw], [1, 2, 3])
    func convolution(layout: KernelLayout, strides: Int) throws {
        let paddings: [Padding] = [
            .same, .valid, .margins(Margins(top: 0, bottom: 2, left: 1, right: 0)),
        ]
        for padding in paddings {
            try expectAgreement {
                $0.convolution(
                    0, 6, 5, size: Extent(height: 3, width: 2), strides: strides, layout: layout,
                    padding: padding, bias: true)
            }
        }
    }

    @Test("Dilated convolutions", arguments: [Padding.same, .valid])
    func dilation(padding: Padding) throws {
        try expectAgreement { $0.convolution(0, 6, 8, dilation: 2, padding: padding) }
    }

    @Test("Grouped convolutions", arguments: [KernelLayout.hwio, .oihw], [2, 3, 6])
    func groups(layout: KernelLayout, groups: Int) throws {
        try expectAgreement {
            $0.convolution(0, 6, 12, strides: 2, groups: groups, layout: layout, bias: true)
        }
    }

    @Test("Depthwise convolutions with Keras' kernel", arguments: [1, 2, 3])
    func depthwise(multiplier: Int) throws {
        try expectAgreement {
            $0.convolution(0, 6, 6 * multiplier, strides: 2, groups: 6, layout: .hwim, bias: true)
        }
    }

    @Test("Dense layers on vectors and on maps, either kernel order", arguments: [false, true])
    func dense(transposed: Bool) throws {
        try expectAgreement { $0.dense(0, 6, 5, transposed: transposed) }
        try expectAgreement { $0.dense($0.add(.flatten, 0), 9 * 7 * 6, 5, transposed: transposed) }
    }

    @Test("Group norms of any number of groups", arguments: [1, 2, 3, 6])
    func groupNorm(groups: Int) throws {
        try expectAgreement { $0.groupNorm(0, 6, groups: groups) }
        try expectAgreement([5, 5, 48]) { $0.groupNorm(0, 48, groups: groups) }
    }

    @Test("Batch norm and layer norm that nothing can be folded into")
    func norms() throws {
        try expectAgreement { $0.batchNorm(0, 6) }
        try expectAgreement {
            let gamma = $0.randomParameter([6])
            $0.add(.layerNorm(LayerNorm(gamma: gamma, beta: nil, epsilon: 1e-3, channels: 6)), 0)
        }
    }

    @Test(
        "Activations",
        arguments: [
            Activation.relu, .clippedReLU(limit: 0.5), .leakyReLU(slope: 0.2), .sigmoid, .tanh, .swish,
            .softmax,
        ])
    func activation(_ activation: Activation) throws {
        try expectAgreement { $0.add(.activation(activation), 0) }
        try expectAgreement { $0.add(.activation(activation), $0.convolution(0, 6, 8)) }
    }

    static let functions: [Activation] = [
        .elu(alpha: 0.5), .selu, .gelu, .approximateGELU, .hardSigmoid(slope: 0.2), .hardSwish, .mish,
        .softplus,
        .softsign, .exponential, .thresholdedReLU(slope: 0.25, threshold: 0.125, limit: nil),
        .thresholdedReLU(slope: 0, threshold: -0.5, limit: 2),
    ]

    @Test("Other functions of an element", arguments: functions)
    func function(_ activation: Activation) throws {
        try expectAgreement { $0.add(.activation(activation), 0) }
        try expectAgreement {
            $0.add(.activation(activation), $0.groupNorm($0.convolution(0, 6, 8), 8, groups: 2))
        }
    }

    @Test(
        "PReLU with a slope for each channel, element or row",
        arguments: [[1, 1, 6], [9, 7, 6], [9, 1, 6], [1, 1, 1]])
    func prelu(shape: [Int]) throws {
        try expectAgreement {
            let slopes = $0.randomParameter(Shape(shape))
            $0.add(.prelu(PReLU(slopes: slopes, shape: shape)), 0)
        }
    }

    static let maps: [Networks.Operation] =
        [
            .crop(.margins(Margins(top: 1, bottom: 2, left: 2, right: 0))),
            .crop(.centre(Extent(height: 4, width: 4))), .crop(.centre(Extent(height: 12, width: 5))),
            .resize(
                Resize(
                    target: .size(Extent(height: 5, width: 2)), interpolation: .bilinear,
                    aspectRatio: .cropped)),
            .resize(
                Resize(
                    target: .size(Extent(height: 5, width: 12)), interpolation: .bicubic,
                    aspectRatio: .padded(0.5)
                )),
            .resize(Resize(target: .factors(Extent(height: 2, width: 3)), interpolation: .nearest)),
            .resize(Resize(target: .factors(Extent(height: 2, width: 3)), interpolation: .bilinear)),
        ]
        + ResizeKernel.allCases.flatMap { kernel in
            [false, true].map {
                .resize(
                    Resize(
                        target: .size(Extent(height: 4, width: 11)), interpolation: kernel, isAntialiased: $0)
                )
            }
        } + [
            .permute([1, 0, 2]), .permute([2, 0, 1]),
        ]

    @Test("Parts of maps, other sizes and orders", arguments: maps)
    func map(_ operation: Networks.Operation) throws {
        try expectAgreement { $0.add(operation, 0) }
        try expectAgreement { $0.add(.globalPool(.average, keepsDimensions: false), $0.add(operation, 0)) }
    }

    static let transposedConvolutions: [TransposedConvolution] = [
        TransposedConvolution(
            kernel: "", bias: nil, inputs: 6, outputs: 5, size: Extent(2), strides: Extent(2), isSame: true),
        TransposedConvolution(
            kernel: "", bias: nil, inputs: 6, outputs: 17, size: Extent(height: 4, width: 3),
            strides: Extent(height: 2, width: 3), isSame: false),
        TransposedConvolution(
            kernel: "", bias: nil, inputs: 6, outputs: 5, size: Extent(3), strides: Extent(2), isSame: true,
            outputPadding: Extent(1)),
        TransposedConvolution(
            kernel: "", bias: nil, inputs: 6, outputs: 5, size: Extent(height: 3, width: 2),
            strides: Extent(1), isSame: true, dilation: Extent(height: 2, width: 3)),
    ]

    @Test(
        "Transposed convolutions, with and without a bias", arguments: transposedConvolutions, [false, true])
    func transposed(_ convolution: TransposedConvolution, hasBias: Bool) throws {
        try expectAgreement { $0.transposedConvolution(convolution, 0, hasBias: hasBias) }
        try expectAgreement {
            $0.batchNorm($0.transposedConvolution(convolution, 0, hasBias: hasBias), convolution.outputs)
        }
    }

    @Test("Choices of channels, stacked again")
    func channels() throws {
        try expectAgreement { $0.add(.selectChannels([5, 0, 3], keepsDimension: true), 0) }
        try expectAgreement {
            let first = $0.add(.selectChannels([4], keepsDimension: false), 0)
            $0.add(.stack, first, $0.add(.selectChannels([1], keepsDimension: false), 0))
        }
    }

    @Test("Vectors of length 1")
    func unitNorm() throws {
        try expectAgreement { $0.add(.unitNorm(epsilon: 1e-12), 0) }
        try expectAgreement { $0.add(.unitNorm(epsilon: 100), 0) }
    }

    @Test("Merges, broadcast or not", arguments: [Merge.subtract, .average, .maximum, .minimum])
    func merge(_ merge: Merge) throws {
        try expectAgreement { $0.add(.merge(merge), 0, $0.convolution(0, 6, 6)) }
        try expectAgreement {
            $0.add(.merge(merge), $0.add(.globalPool(.average, keepsDimensions: true), 0), 0)
        }
        guard merge != .subtract else { return }
        try expectAgreement { $0.add(.merge(merge), $0.convolution(0, 6, 1), 0, $0.convolution(0, 6, 6)) }
    }

    @Test("Pools of all paddings", arguments: [Pool.Kind.maximum, .average], [1, 2])
    func pool(kind: Pool.Kind, strides: Int) throws {
        for padding in [Padding.same, .valid, .margins(Margins(1))] {
            try expectAgreement {
                $0.add(
                    .pool(
                        Pool(
                            kind: kind, size: Extent(height: 3, width: 2), strides: Extent(strides),
                            padding: padding)), 0)
            }
        }
    }

    @Test("Global pools", arguments: [Pool.Kind.maximum, .average], [false, true])
    func globalPool(kind: Pool.Kind, keepsDimensions: Bool) throws {
        try expectAgreement { $0.add(.globalPool(kind, keepsDimensions: keepsDimensions), 0) }
    }

    @Test("Padding, concatenation, flattening and reshaping")
    func shapes() throws {
        let margins = Margins(top: 1, bottom: 0, left: 2, right: 3)
        try expectAgreement { $0.add(.zeroPad(margins), 0) }
        try expectAgreement { $0.add(.padChannels(before: 2, after: 3), 0) }
        try expectAgreement {
            let conv = $0.convolution(0, 6, 5)
            $0.add(.concatenate, conv, 0, conv)
        }
        try expectAgreement {
            let reshaped = $0.add(.reshape([7, -1, 3]), 0)
            $0.add(.flatten, $0.convolution(reshaped, 3, 4))
        }
    }

    @Test("Sums and products, broadcast like Keras' layers")
    func broadcast() throws {
        try expectAgreement {
            let pooled = $0.add(.globalPool(.average, keepsDimensions: true), 0)
            $0.add(.multiply, 0, $0.add(.activation(.sigmoid), $0.convolution(pooled, 6, 6)))
        }
        try expectAgreement { $0.add(.multiply, $0.add(.globalPool(.average, keepsDimensions: false), 0), 0) }
        try expectAgreement { $0.add(.add, $0.add(.globalPool(.maximum, keepsDimensions: true), 0), 0) }
        try expectAgreement { $0.add(.multiply, 0, 0, 0) }
    }

    @Test("Scales and shifts of the input")
    func input() throws {
        try expectAgreement { $0.add(.scaleShift(scale: [0.5], offset: [1, 2, 3, 4, 5, 6]), 0) }
        try expectAgreement {
            let mean = $0.randomParameter([6])
            $0.add(.standardizeInput(mean: mean, variance: $0.randomParameter([6], in: 0...2)), 0)
        }
    }
}
