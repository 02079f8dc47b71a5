/// Where each value of a program lives in a worker's memory: values that are never needed at the same time share room.
///
/// Largest first, each in the smallest gap that is free for as long as it lives: "greedy by size for offset calculation" of
/// Pisarchyk & Lee 2020, Efficient Memory Management for Deep Neural Net Inference.
package struct BufferPlan {
    /// Where each value begins, in floats per image.
    private(set) var offsets: [Int]
    /// Floats per image of all together.
    private(set) var size = 0

    /// Offsets are multiples of this, in floats: a line of the cache.
    private static let alignment = 16

    package init(_ program: Program, _ tiles: [FusedTile]) {
        let tenancies = Tenancy.all(of: program, tiles)
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
    /// Floats per image.
    var size: Int
    /// The stages in which the values are needed. Steps of one stage alternate on parts of the batch: what one of them
    /// reads is free only after the stage.
    var tiles: ClosedRange<Int>

    static func all(of program: Program, _ tiles: [FusedTile]) -> [Tenancy] {
        var lastUse = [Int](repeating: -1, count: program.sizes.count)
        for (index, step) in program.steps.enumerated() {
            for value in step.operands { lastUse[value] = index }
        }
        for value in program.outputs { lastUse[value] = program.steps.count }
        var tenancies: [Tenancy] = []
        var ofValue = [Int](repeating: -1, count: program.sizes.count)
        func enter(_ value: Int, at tile: Int) {
            ofValue[value] = tenancies.count
            tenancies.append(
                Tenancy(values: [value], size: program.sizes[value], tiles: tile...tile))
        }
        func stay(_ value: Int, until tile: Int) {
            let tenancy = ofValue[value]
            tenancies[tenancy].tiles = tenancies[tenancy].tiles.lowerBound...tile
        }
        for value in program.inputs { enter(value, at: 0) }
        for (number, tile) in tiles.enumerated() {
            for index in tile.steps {
                let step = program.steps[index]
                for value in step.operands { stay(value, until: number) }
                if let operand = step.overwrites ?? step.reusableOperand(program.sizes, lastUse, index) {
                    ofValue[step.result] = ofValue[operand]
                    tenancies[ofValue[operand]].values.append(step.result)
                } else {
                    enter(step.result, at: number)
                }
            }
        }
        for value in program.outputs { stay(value, until: tiles.count) }
        return tenancies
    }
}

extension Program.Step {
    /// An operand whose room the result may take because this is its last use.
    fileprivate func reusableOperand(_ sizes: [Int], _ lastUse: [Int], _ index: Int) -> Int? {
        guard operation.worksInPlace else { return nil }
        return maps.first { lastUse[$0] == index && sizes[$0] == sizes[result] }
    }
}
