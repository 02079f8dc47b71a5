import Networks
import Tensors

/// Steps that are executed together: where their results at a position depend on that position alone, part of the batch
/// after part, so that a map is still in the cache when the next step reads it.
package struct FusedTile: Equatable {
    /// Consecutive steps of the program.
    package var steps: Range<Int>
    /// Positions of a map, and how many of them are a part; a part may be several whole maps. Nil for a step that is
    /// executed whole.
    package var parts: Parts?

    package struct Parts: Equatable {
        package var positions: Int
        package var length: Int
    }

    /// The tiles of a program for a batch size.
    package static func tiles(of program: Program, batch: Int) -> [FusedTile] {
        var tiles: [FusedTile] = []
        var start = 0
        while start < program.steps.count {
            var end = start + 1
            let positions = program.positions(start)
            if let positions {
                while end < program.steps.count, program.mayJoin(end, start..<end, positions) { end += 1 }
            }
            let steps = start..<end
            let parts = steps.count > 1 ? positions.map { program.parts(of: steps, $0, batch: batch) } : nil
            tiles.append(FusedTile(steps: steps, parts: parts))
            start = end
        }
        return tiles
    }
}

extension Program {
    /// Floats of a part's largest map: a quarter of a megabyte, half of many processors' second cache.
    private static let partSize = 64 << 10

    /// Positions of a step's maps where a position's result depends on that position alone.
    fileprivate func positions(_ index: Int) -> Int? {
        let step = steps[index]
        let size = sizes[step.operands[0]]
        switch step.operation {
        case .convolution(let step): return step.isPointwise ? size / step.convolution.inputs : nil
        case .groupStatistics(let norm), .groupNorm(let norm): return size / norm.gamma.count
        case .affine(let affine, _): return size / affine.scale.count
        default: return nil
        }
    }

    /// Whether a step may follow others in a tile: one that reads what they read or wrote, or nothing is won. A norm
    /// waits for the statistics of the whole map.
    fileprivate func mayJoin(_ index: Int, _ others: Range<Int>, _ positions: Int) -> Bool {
        let step = steps[index]
        // Mostly it is the last one.
        guard others.reversed().contains(where: { steps[$0].touches(step.operands) }) else { return false }
        if case .add = step.operation { return sizes[step.result] % positions == 0 }
        if case .groupNorm = step.operation, others.contains(where: { steps[$0].result == step.operands[1] })
        {
            return false
        }
        return self.positions(index) == positions
    }

    /// Parts of a map that are equal and not too large, or as many whole maps. Each part reads the kernels anew: a part may be
    /// as large as the largest one.
    fileprivate func parts(of tile: Range<Int>, _ positions: Int, batch: Int) -> FusedTile.Parts {
        let largest = tile.flatMap { steps[$0].maps + [steps[$0].result] }.map { sizes[$0] }.max() ?? 0
        let kernel = steps[tile].map(\.operation.kernelSize).max() ?? 0
        let most = max(1, max(Self.partSize, kernel) / max(largest / positions, 1))
        if most < positions {
            // At least an eighth of what would fit: a map whose size is prime is left whole.
            let divisor = (max(most / 8, 1)...most).last { positions % $0 == 0 }
            return FusedTile.Parts(positions: positions, length: divisor ?? positions)
        }
        let maps = (1...min(most / positions, batch)).last { batch % $0 == 0 } ?? 1
        return FusedTile.Parts(positions: positions, length: maps * positions)
    }
}

extension StepOperation {
    /// Weights of a convolution's kernel.
    var kernelSize: Int {
        guard case .convolution(let step) = self else { return 0 }
        return step.convolution.kernelShape?.count ?? 0
    }
}

extension ConvolutionStep {
    /// Whether it is a product of a matrix with every position.
    fileprivate var isPointwise: Bool {
        convolution.size == Extent(1) && convolution.strides == Extent(1)
            && input.mapExtent == output.mapExtent
            && margins == Margins(0)
    }

    /// The same for a part of a map.
    package func part(length: Int) -> ConvolutionStep {
        var step = self
        step.input = [1, length, input[-1]]
        step.output = [1, length, output[-1]]
        return step
    }
}
