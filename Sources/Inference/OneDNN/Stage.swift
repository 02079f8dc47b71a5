/// Tiles that a few images at a time pass through, so that their maps stay in the cache from one tile to the next.
package struct Stage: Equatable {
    /// Consecutive tiles of the program.
    package private(set) var tiles: [FusedTile]
    /// Images that pass through all tiles before the next ones do; they divide the batch, and where they are all of it there
    /// is one tile.
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
    /// Positions of a map whose convolution is as fast for one image as for several.
    private static let enoughPositions = 600

    /// Images that a tile takes at once: all of a batch where a convolution's map is so small that its kernel would be read
    /// too often.
    fileprivate func images(of tile: FusedTile, batch: Int) -> Int {
        if let parts = tile.parts { return max(parts.length / parts.positions, 1) }
        let isSmall = steps[tile.steps].contains { step in
            guard case .convolution(let step) = step.operation else { return false }
            return step.output.count / step.convolution.outputs < Self.enoughPositions
        }
        return isSmall ? batch : 1
    }
}
