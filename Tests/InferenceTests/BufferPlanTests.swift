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
        let plan = BufferPlan(program, Stage.stages(of: program, batch: 1), batch: 1)
        // A norm's statistics lie where the convolution's input was.
        #expect(plan.size == 2 * 8 * 8 * 6)
    }

    @Test("What a step reads is what was written for it", arguments: [1, 4, 32], 0..<60 as Range<UInt64>)
    func reads(batch: Int, seed: UInt64) throws {
        // Maps of both kinds: those whose convolutions take the whole batch, and those that go image by image.
        let isLarge = seed % 6 == 0 && batch < 32
        let graph = Graph.random(seed: seed, rows: isLarge ? 26 : 6, columns: isLarge ? 25 : 5)
        let program = try graph.program()
        let stages = Stage.stages(of: program, batch: batch)
        var memory = Memory(program, BufferPlan(program, stages, batch: batch))
        for value in program.inputs { memory.write(value, Piece.whole(0..<batch)) }
        for stage in stages {
            for first in stride(from: 0, to: batch, by: stage.images) {
                for tile in stage.tiles { memory.run(tile, images: first..<first + stage.images) }
            }
        }
        for value in program.outputs { memory.read(value, Piece.whole(0..<batch)) }
        #expect(memory.wrong == [])
    }

    @Test("Images that pass through the large maps one after another need the room of one")
    func places() throws {
        var graph = Graph([30, 30, 6])
        var last = 0
        for _ in 0..<6 { last = graph.groupNorm(graph.convolution(last, 6, 6), 6, groups: 2) }
        graph.convolution(graph.convolution(last, 6, 6, strides: 5), 6, 6)
        let program = try graph.program()
        let stages = Stage.stages(of: program, batch: 4)
        #expect(stages.map(\.images) == [1, 4, 4])
        let plan = BufferPlan(program, stages, batch: 4)
        // The input, the last norm and what follows have room for all; convolutions, statistics and norms before do not.
        #expect(plan.images == [4] + [Int](repeating: 1, count: 3 * 6 - 1) + [4, 4, 4])
        // What four images bring and leave behind, and two maps in between.
        let map = 30 * 30 * 6
        #expect(plan.size <= (4 + 4 + 2) * map + 64 * 6)
    }

    @Test("Maps beyond any machine's memory are an error")
    func hugeMaps() throws {
        var graph = Graph([4, 4, 6])
        for _ in 0..<20 { graph.add(.zeroPad(Margins(1 << 24)), graph.nodes.count - 1) }
        graph.add(.activation(.relu), graph.nodes.count - 1)
        #expect(throws: InferenceError.outOfMemory(bytes: .max)) { try graph.oneDNN() }
        // Kernels are read later: their number of weights may be any.
        var wide = Graph([2, 2, 1])
        for (inputs, outputs) in [(1, 1 << 21), (1 << 21, 1 << 41)] {
            wide.add(
                .convolution(
                    Convolution(
                        kernel: "missing", kernelLayout: .hwio, bias: nil, inputs: inputs, outputs: outputs,
                        size: Extent(1), strides: Extent(1), dilation: Extent(1), groups: 1, padding: .same)),
                wide.nodes.count - 1)
        }
        #expect(throws: (any Error).self) { try wide.oneDNN() }
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

/// Positions of one image's maps.
private struct Piece {
    var image: Int
    var positions: Range<Int>
    var total: Int

    static func whole(_ images: Range<Int>) -> [Piece] {
        images.map { Piece(image: $0, positions: 0..<1, total: 1) }
    }
}

/// A worker's memory, in which each float is the value and the image that were last written there.
private struct Memory {
    let program: Program
    let plan: BufferPlan
    private var owners: [Int]
    /// Values that were no longer there when they were read.
    private(set) var wrong: Set<Int> = []

    init(_ program: Program, _ plan: BufferPlan) {
        (self.program, self.plan) = (program, plan)
        owners = [Int](repeating: -1, count: plan.size)
    }

    private func floats(_ value: Int, _ piece: Piece) -> Range<Int> {
        let size = program.sizes[value]
        let start = plan.offsets[value] + piece.image % plan.images[value] * size
        return start + size * piece.positions.lowerBound / piece.total..<start + size
            * piece.positions.upperBound / piece.total
    }

    private func owner(_ value: Int, _ piece: Piece) -> Int { value * 64 + piece.image }

    mutating func write(_ value: Int, _ pieces: [Piece]) {
        for piece in pieces {
            for place in floats(value, piece) { owners[place] = owner(value, piece) }
        }
    }

    mutating func read(_ value: Int, _ pieces: [Piece]) {
        for piece in pieces {
            let owner = owner(value, piece)
            if !owners[floats(value, piece)].allSatisfy({ $0 == owner }) { wrong.insert(value) }
        }
    }

    mutating func run(_ tile: FusedTile, images: Range<Int>) {
        guard let parts = tile.parts else {
            for index in tile.steps { run(program.steps[index], Piece.whole(images)) }
            return
        }
        let all = images.lowerBound * parts.positions..<images.upperBound * parts.positions
        for first in stride(from: all.lowerBound, to: all.upperBound, by: parts.length) {
            let end = min(first + parts.length, all.upperBound)
            let pieces = (first / parts.positions...(end - 1) / parts.positions).map { image in
                let start = image * parts.positions
                return Piece(
                    image: image, positions: max(first - start, 0)..<min(end - start, parts.positions),
                    total: parts.positions)
            }
            for index in tile.steps { run(program.steps[index], pieces) }
        }
    }

    /// A step reads maps at the pieces and statistics whole, and writes likewise.
    private mutating func run(_ step: Program.Step, _ pieces: [Piece]) {
        for value in step.operands {
            let isMap = step.maps.contains(value)
            read(value, isMap ? pieces : pieces.flatMap { Piece.whole($0.image..<$0.image + 1) })
        }
        guard case .groupStatistics = step.operation else { return write(step.result, pieces) }
        let ended = pieces.filter { $0.positions.upperBound == $0.total }
        write(step.result, ended.flatMap { Piece.whole($0.image..<$0.image + 1) })
    }
}
