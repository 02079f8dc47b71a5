/// Where each value of a program lives in a worker's memory: values that are never needed at the same time share room.
///
/// Largest first, each in the smallest gap that is free for as long as it lives: "greedy by size for offset calculation" of
/// Pisarchyk & Lee 2020, Efficient Memory Management for Deep Neural Net Inference.
package struct BufferPlan {
    /// Where each value begins, in floats.
    private(set) var offsets: [Int]
    /// Images that each value has room for: those of its stage, or the batch where another stage needs it.
    let images: [Int]
    /// Floats of all together.
    private(set) var size = 0

    /// Offsets are multiples of this, in floats: a line of the cache.
    private static let alignment = 16

    package init(_ program: Program, _ stages: [Stage], batch: Int) {
        images = program.imagesOfValues(stages, batch: batch)
        let tenancies = Tenancy.all(of: program, stages, images, batch: batch)
        offsets = [Int](repeating: 0, count: program.sizes.count)
        var placed: [(place: Range<Int>, tiles: ClosedRange<Int>)] = []
        for tenancy in tenancies.sorted(by: { ($0.size, $1.values[0]) > ($1.size, $0.values[0]) }) {
            let length = (tenancy.size + Self.alignment - 1) / Self.alignment * Self.alignment
            let taken = placed.filter { $0.tiles.overlaps(tenancy.tiles) }.map(\.place)
            let start = Self.smallestGap(of: length, between: taken)
            for value in tenancy.values { offsets[value] = start }
            placed.append((start..<start + length, tenancy.tiles))
            size = max(size, start + length)
        }
    }

    /// The start of the smallest gap that holds `length`; after all where there is none.
    private static func smallestGap(of length: Int, between taken: [Range<Int>]) -> Int {
        var (end, best) = (0, nil as Range<Int>?)
        for place in taken.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if place.lowerBound - end >= length, place.lowerBound - end < best?.count ?? .max {
                best = end..<place.lowerBound
            }
            end = max(end, place.upperBound)
        }
        return best?.lowerBound ?? end
    }
}

/// Values that share room because each is computed in the place of the one before it.
private struct Tenancy {
    var values: [Int]
    /// Floats of all images that there is room for.
    var size: Int
    /// The tiles, numbered through all stages, in which the values are needed. Steps of a tile alternate on parts of maps:
    /// what one of them reads is free only after the tile.
    var tiles: ClosedRange<Int>

    static func all(of program: Program, _ stages: [Stage], _ images: [Int], batch: Int) -> [Tenancy] {
        let lastUse = program.lastUse
        var tenancies: [Tenancy] = []
        var ofValue = [Int](repeating: -1, count: program.sizes.count)
        func enter(_ value: Int, at tiles: ClosedRange<Int>) {
            ofValue[value] = tenancies.count
            tenancies.append(
                Tenancy(values: [value], size: program.sizes[value] * images[value], tiles: tiles))
        }
        func stay(_ value: Int, until tile: Int) {
            let tenancy = ofValue[value]
            tenancies[tenancy].tiles = tenancies[tenancy].tiles.lowerBound...tile
        }
        for value in program.inputs { enter(value, at: 0...0) }
        let turns = Turn.turns(stages)
        for turn in turns {
            for index in turn.steps {
                let step = program.steps[index]
                /// Values of a whole batch are needed until the stage's last images have passed.
                func tiles(_ value: Int) -> ClosedRange<Int> {
                    images[value] == batch ? turn.stage : turn.tile...turn.tile
                }
                for value in step.operands { stay(value, until: tiles(value).upperBound) }
                let reusable = step.reusableOperand(program.sizes, images, lastUse, index)
                guard let operand = step.overwrites ?? reusable else {
                    enter(step.result, at: tiles(step.result))
                    continue
                }
                ofValue[step.result] = ofValue[operand]
                tenancies[ofValue[operand]].values.append(step.result)
                stay(step.result, until: tiles(step.result).upperBound)
            }
        }
        for value in program.outputs { stay(value, until: turns.count) }
        return tenancies
    }
}

/// A tile's steps, its number, and the numbers of its stage's tiles.
private struct Turn {
    var steps: Range<Int>
    var tile: Int
    var stage: ClosedRange<Int>

    static func turns(_ stages: [Stage]) -> [Turn] {
        var turns: [Turn] = []
        for stage in stages {
            let numbers = turns.count...turns.count + stage.tiles.count - 1
            turns += zip(stage.tiles, numbers).map { Turn(steps: $0.steps, tile: $1, stage: numbers) }
        }
        return turns
    }
}

extension Program {
    /// The last step that reads each value; behind all for the outputs, −1 where none does.
    fileprivate var lastUse: [Int] {
        var lastUse = [Int](repeating: -1, count: sizes.count)
        for (index, step) in steps.enumerated() {
            for value in step.operands { lastUse[value] = index }
        }
        for value in outputs { lastUse[value] = steps.count }
        return lastUse
    }

    /// Images that each value needs room for.
    fileprivate func imagesOfValues(_ stages: [Stage], batch: Int) -> [Int] {
        let lastUse = lastUse
        var images = [Int](repeating: batch, count: sizes.count)
        for stage in stages {
            guard let end = stage.tiles.last?.steps.upperBound else { continue }
            for step in steps[stage.tiles[0].steps.lowerBound..<end] where lastUse[step.result] < end {
                images[step.result] = stage.images
            }
        }
        // What is computed in another value's place has as many.
        let pairs = steps.compactMap { step in step.overwrites.map { ($0, step.result) } }
        for (first, second) in pairs + pairs.reversed() where images[first] != images[second] {
            (images[first], images[second]) = (batch, batch)
        }
        return images
    }
}

extension Program.Step {
    /// An operand whose room the result may take because this is its last use.
    fileprivate func reusableOperand(
        _ sizes: [Int], _ images: [Int], _ lastUse: [Int], _ index: Int
    ) -> Int? {
        guard operation.worksInPlace else { return nil }
        return maps.first {
            lastUse[$0] == index && sizes[$0] == sizes[result] && images[$0] == images[result]
        }
    }
}
