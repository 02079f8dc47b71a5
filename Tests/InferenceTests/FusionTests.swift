import Networks
import Tensors
import Testing

@testable import Inference

/// Chains that the fast engine executes as one step, and near misses that it must not.
@Suite("Fused chains compute what their nodes do")
struct FusionTests {
    private func expectAgreement(
        steps: Int? = nil, _ shape: Shape = [8, 9, 6], sourceLocation: SourceLocation = #_sourceLocation,
        _ build: (inout Graph) -> Void
    ) throws {
        var graph = Graph(shape)
        build(&graph)
        #expect(try graph.disagreement() <= 1e-5, sourceLocation: sourceLocation)
        if let steps {
            #expect(try graph.program().steps.count == steps, sourceLocation: sourceLocation)
        }
    }

    @Test(
        "Convolution, batch norm, sum and ReLU are one step, with the residual on either side",
        arguments: [false, true], [Activation.relu, .clippedReLU(limit: 1)])
    func convolutionChain(residualFirst: Bool, activation: Activation) throws {
        try expectAgreement(steps: 2) {
            let residual = $0.convolution(0, 6, 8)
            let norm = $0.batchNorm($0.convolution(0, 6, 8), 8)
            let sum = residualFirst ? $0.add(.add, residual, norm) : $0.add(.add, norm, residual)
            $0.add(.activation(activation), sum)
        }
    }

    @Test("A residual that is read again is not overwritten", arguments: [false, true])
    func residualReadTwice(residualFirst: Bool) throws {
        try expectAgreement {
            let residual = $0.add(.activation(.relu), $0.convolution(0, 6, 6))
            let norm = $0.batchNorm($0.convolution(residual, 6, 6), 6)
            let sum = residualFirst ? $0.add(.add, residual, norm) : $0.add(.add, norm, residual)
            $0.add(.concatenate, $0.add(.activation(.relu), sum), residual)
        }
    }

    @Test("A residual that stands in another shape as well is not overwritten")
    func residualAliased() throws {
        try expectAgreement {
            let residual = $0.convolution(0, 6, 6)
            let flat = $0.add(.flatten, residual)
            let sum = $0.add(.add, $0.convolution(0, 6, 6), residual)
            $0.add(.concatenate, flat, $0.add(.flatten, sum))
        }
    }

    @Test("A convolution's own source as its residual is not overwritten")
    func residualIsSource() throws {
        try expectAgreement { $0.add(.add, 0, $0.convolution(0, 6, 6)) }
        try expectAgreement {
            let padded = $0.add(.zeroPad(Margins(1)), 0)
            $0.add(.add, 0, $0.convolution(padded, 6, 6, padding: .valid))
        }
    }

    @Test("A convolution that is read between its norm and its sum keeps its own value")
    func intermediateIsRead() throws {
        try expectAgreement {
            let conv = $0.convolution(0, 6, 6)
            let norm = $0.batchNorm(conv, 6)
            $0.add(.concatenate, conv, $0.add(.activation(.relu), $0.add(.add, norm, 0)))
        }
        try expectAgreement {
            let norm = $0.batchNorm($0.convolution(0, 6, 6), 6)
            $0.add(.concatenate, $0.add(.add, 0, norm), $0.add(.activation(.relu), norm))
        }
    }

    @Test("A sum of a value with itself")
    func sumWithItself() throws {
        try expectAgreement {
            let conv = $0.convolution(0, 6, 6)
            $0.add(.activation(.relu), $0.add(.add, conv, conv))
        }
        try expectAgreement {
            let norm = $0.groupNorm(0, 6, groups: 2)
            $0.add(.add, norm, norm)
        }
    }

    @Test(
        "Group norm is two steps: statistics, and the affine with sum and ReLU",
        arguments: [false, true])
    func groupNormChain(residualFirst: Bool) throws {
        try expectAgreement(steps: 4) {
            let residual = $0.convolution(0, 6, 8)
            let norm = $0.groupNorm($0.convolution(0, 6, 8), 8, groups: 4)
            let sum = residualFirst ? $0.add(.add, residual, norm) : $0.add(.add, norm, residual)
            $0.add(.activation(.relu), sum)
        }
    }

    @Test("Group norm with its own source as the residual")
    func groupNormOfResidual() throws {
        try expectAgreement { $0.add(.activation(.relu), $0.add(.add, 0, $0.groupNorm(0, 6, groups: 3))) }
        try expectAgreement {
            let conv = $0.convolution(0, 6, 6)
            $0.add(.add, $0.groupNorm(conv, 6, groups: 3), conv)
        }
    }

    @Test("Two normalized branches meet", arguments: [false, true])
    func projectionShortcut(swapped: Bool) throws {
        try expectAgreement {
            let a = $0.groupNorm($0.convolution(0, 6, 8, strides: 2), 8, groups: 2)
            let b = $0.groupNorm($0.convolution(0, 6, 8, size: Extent(1), strides: 2), 8, groups: 4)
            $0.add(.activation(.relu), swapped ? $0.add(.add, b, a) : $0.add(.add, a, b))
        }
    }

    @Test("Sums of three, before a ReLU and before another sum")
    func threeOperands() throws {
        try expectAgreement {
            let a = $0.convolution(0, 6, 6)
            $0.add(.activation(.relu), $0.add(.add, a, 0, $0.batchNorm($0.convolution(a, 6, 6), 6)))
        }
        try expectAgreement {
            let sum = $0.add(.add, $0.convolution(0, 6, 6), $0.convolution(0, 6, 6), 0)
            $0.add(.activation(.relu), $0.add(.add, 0, sum))
        }
    }

    @Test("Zeros around a map count in the convolution behind them", arguments: [1, 2])
    func paddedConvolution(strides: Int) throws {
        let margins = Margins(top: 0, bottom: 1, left: 2, right: 1)
        for padding in [Padding.valid, .margins(Margins(1)), .same] {
            try expectAgreement {
                let padded = $0.add(.zeroPad(margins), 0)
                $0.add(.activation(.relu), $0.convolution(padded, 6, 5, strides: strides, padding: padding))
            }
        }
    }

    @Test("Zeros around a map take part in the pool behind them", arguments: [Pool.Kind.maximum, .average])
    func paddedPool(kind: Pool.Kind) throws {
        for padding in [Padding.valid, .same, .margins(Margins(1))] {
            try expectAgreement {
                // Below zero everywhere, so that margins of zero win a maximum.
                let negative = $0.add(.scaleShift(scale: [1], offset: [-5]), 0)
                let padded = $0.add(.zeroPad(Margins(1)), negative)
                $0.add(
                    .pool(Pool(kind: kind, size: Extent(3), strides: Extent(2), padding: padding)), padded
                )
            }
        }
    }

    @Test(
        "Windows that lie in the zeros around a map alone count as zeros",
        arguments: [Pool.Kind.maximum, .average])
    func poolOfMarginAlone(kind: Pool.Kind) throws {
        try expectAgreement {
            let negative = $0.add(.scaleShift(scale: [1], offset: [-5]), 0)
            let padded = $0.add(.zeroPad(Margins(3)), negative)
            let pool = Pool(kind: kind, size: Extent(2), strides: Extent(2), padding: .valid)
            $0.add(.pool(pool), padded)
        }
    }

    @Test("Zeros around a map that two nodes read")
    func sharedPadding() throws {
        try expectAgreement {
            let padded = $0.add(.zeroPad(Margins(1)), 0)
            let a = $0.convolution(padded, 6, 6, padding: .valid)
            $0.add(.add, a, $0.convolution(padded, 6, 6, padding: .valid))
        }
        try expectAgreement {
            let padded = $0.add(.zeroPad(Margins(1)), $0.add(.zeroPad(Margins(2)), 0))
            $0.convolution(padded, 6, 6, padding: .valid)
        }
    }

    @Test("A dense layer with a norm and a ReLU behind it")
    func denseChain() throws {
        try expectAgreement(steps: 1) {
            let dense = $0.dense($0.add(.flatten, 0), 8 * 9 * 6, 16)
            $0.add(.activation(.relu), $0.batchNorm(dense, 16))
        }
    }

    @Test("Nodes that the output does not need are not executed")
    func deadNodes() throws {
        var graph = Graph([4, 4, 6])
        graph.convolution(0, 6, 6)
        graph.add(.activation(.relu), 0)
        #expect(try graph.program().steps.count == 1)
        #expect(try graph.disagreement() == 0)
    }

    @Test("Random graphs of all that is fused", arguments: 0..<40 as Range<UInt64>)
    func randomGraph(seed: UInt64) throws {
        // The sums of a dozen nodes lose a little more than one node does.
        #expect(try Graph.random(seed: seed).disagreement() <= 1e-4)
    }
}
