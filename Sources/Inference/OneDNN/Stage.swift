/// Tiles that a few images at a time pass through. Their maps then stay in the cache from one tile to the next.
package struct Stage: Equatable {
    /// Consecutive tiles of the program.
    package private(set) var tiles: [FusedTile]
    /// Images that pass through all tiles before the next ones do. They divide the batch. A stage for the whole batch is one
    /// tile.
    package private(set) var images: Int

    /// The stages of a program for a batch size.
    package static func stages(of program: Program, batch: Int) -> [Stage] {
        var stages: [Stage] = []
        for tile in FusedTile.tiles(of: program, batch: batch) {
            let images = program.images(of: tile, batch: batch)
            if let last = stages.last, last.images < batch, images < batch,
                last.images.isMultiple(of: images) || images.isMultiple(of: last.images)
            {
                stages[stages.count - 1].tiles.append(tile)
                stages[stages.count - 1].images = max(last.images, images)
            } else {
                stages.append(Stage(tiles: [tile], images: images))
            }
        }
        return stages
    }
}

extension Program {
    /// Whether a convolution is as fast for one image as for several: its map has enough positions, by themselves and for the
    /// weights of a filter, which are read once for all of them.
    private static func isLarge(_ step: ConvolutionStep, kernelSize: Int) -> Bool {
        let outputs = step.convolution.outputs
        let positions = step.output.count / outputs
        return positions >= 600 && 2 * positions >= kernelSize / outputs
    }

    /// Images that a tile takes at once: all of a batch where a convolution would read its kernel too often.
    fileprivate func images(of tile: FusedTile, batch: Int) -> Int {
        if let parts = tile.parts { return max(parts.length / parts.positions, 1) }
        let isSmall = steps[tile.steps].map(\.operation).contains { operation in
            guard case .convolution(let step) = operation else { return false }
            return !Self.isLarge(step, kernelSize: operation.kernelSize)
        }
        return isSmall ? batch : 1
    }
}
