import Networks
import Tensors
import Testing

@testable import Inference

/// Values share room only where neither is needed while the other is.
struct BufferPlanTests {
    @Test("A chain's values take the room of two maps")
    func chain() throws {
        var graph = Graph([8, 8, 6])
        var last = 0
        for _ in 0..<6 {
            last = graph.add(.activation(.relu), graph.groupNorm(graph.convolution(last, 6, 6), 6, groups: 2))
        }
        let program = try graph.program()
        let plan = BufferPlan(program, FusedTile.tiles(of: program, batch: 1))
        // A norm's statistics lie where the convolution's input was.
        #expect(plan.size == 2 * 8 * 8 * 6)
    }

    @Test("No value lies where another one is that is still needed", arguments: 0..<100 as Range<UInt64>)
    func noOverlap(seed: UInt64) throws {
        let program = try Graph.random(seed: seed).program()
        let tiles = FusedTile.tiles(of: program, batch: 2)
        let plan = BufferPlan(program, tiles)
        let needed = Self.tilesNeeded(program, tiles)
        let chain = Self.chains(program, plan)
        for first in program.sizes.indices where !needed[first].isEmpty {
            #expect(plan.offsets[first] >= 0 && plan.offsets[first] + program.sizes[first] <= plan.size)
            for second in 0..<first where needed[first].overlaps(needed[second]) {
                if chain[first] == chain[second], plan.offsets[first] == plan.offsets[second] { continue }
                let places = [first, second].map {
                    plan.offsets[$0]..<plan.offsets[$0] + program.sizes[$0]
                }
                #expect(!places[0].overlaps(places[1]), "values \(first) and \(second)")
            }
        }
    }

    /// From the tile that makes a value to the last that reads it.
    private static func tilesNeeded(_ program: Program, _ tiles: [FusedTile]) -> [Range<Int>] {
        var needed = [Range<Int>](repeating: 0..<0, count: program.sizes.count)
        for value in program.inputs { needed[value] = 0..<1 }
        for (number, tile) in tiles.enumerated() {
            for step in program.steps[tile.steps] {
                needed[step.result] = number..<number + 1
                for value in step.operands { needed[value] = needed[value].lowerBound..<number + 1 }
            }
        }
        for value in program.outputs { needed[value] = needed[value].lowerBound..<tiles.count + 1 }
        return needed
    }

    /// A number for each value, the same for those that are computed in each other's place: a step's result in that of an
    /// operand of its size that nothing reads later.
    private static func chains(_ program: Program, _ plan: BufferPlan) -> [Int] {
        var chain = Array(program.sizes.indices)
        for (index, step) in program.steps.enumerated() {
            let later = Set(program.steps[(index + 1)...].flatMap(\.operands) + program.outputs)
            let replaced = step.overwrites.map { [$0] } ?? (step.operation.worksInPlace ? step.maps : [])
            let operand = replaced.first {
                program.sizes[$0] == program.sizes[step.result] && !later.contains($0)
                    && plan.offsets[$0] == plan.offsets[step.result]
            }
            if let operand { chain[step.result] = chain[operand] }
        }
        return chain
    }

    @Test("Maps beyond any machine's memory are an error")
    func hugeMaps() throws {
        var graph = Graph([4, 4, 6])
        for _ in 0..<20 { graph.add(.zeroPad(Margins(1 << 24)), graph.nodes.count - 1) }
        graph.add(.activation(.relu), graph.nodes.count - 1)
        #expect(throws: InferenceError.outOfMemory(bytes: .max)) { try graph.oneDNN() }
        #expect(throws: Never.self) { try program(sizes: [1 << 43]).checkSizes(batch: 1) }
        #expect(throws: InferenceError.outOfMemory(bytes: 1 << 46)) {
            try program(sizes: [1 << 43, 1 << 43]).checkSizes(batch: 1)
        }
    }

    private func program(sizes: [Int]) -> Program {
        var program = Program()
        program.sizes = sizes
        return program
    }
}
