import Networks
import Synchronization
import Tensors
import TestSupport
import Testing
import Threads

@testable import Inference
@testable import Training

/// Against sums in Double. Winograd's algorithm computes 4×4 places together, whose roundings they share: the largest place
/// counts for all.
@Suite("A trained convolution's passes by our own kernels")
struct VectorPassesTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var rows = 9
        var columns = 7
        var inputs = 5
        var outputs = 6
        var kernel = Extent(height: 3, width: 3)
        var strides = Extent(height: 1, width: 1)
        var margins = Margins(1)
        var images = 2

        var outputRows: Int { (rows + margins.top + margins.bottom - kernel.height) / strides.height + 1 }
        var outputColumns: Int { (columns + margins.left + margins.right - kernel.width) / strides.width + 1 }
        var testDescription: String {
            "\(rows)×\(columns)×\(inputs) → \(outputs), kernel \(kernel), strides \(strides), \(images) images"
        }

        var step: ConvolutionStep {
            ConvolutionStep(
                convolution: Convolution(
                    kernel: "kernel", kernelLayout: .oihw, bias: "bias", inputs: inputs, outputs: outputs,
                    size: kernel, strides: strides, dilation: Extent(1), groups: 1, padding: .margins(margins)
                ),
                input: [rows, columns, inputs], output: [outputRows, outputColumns, outputs], margins: margins
            )
        }

        /// Calls the body with every product's places in x, y and the filters.
        func forEachProduct(_ body: (_ x: Int, _ y: Int, _ weight: Int) -> Void) {
            for image in 0..<images {
                for row in 0..<outputRows {
                    for column in 0..<outputColumns {
                        let y = ((image * outputRows + row) * outputColumns + column) * outputs
                        for tap in 0..<kernel.height * kernel.width {
                            let r = row * strides.height + tap / kernel.width - margins.top
                            let c = column * strides.width + tap % kernel.width - margins.left
                            guard 0..<rows ~= r, 0..<columns ~= c else { continue }
                            let x = ((image * rows + r) * columns + c) * inputs
                            for output in 0..<outputs {
                                for input in 0..<inputs {
                                    let weight =
                                        (output * inputs + input) * kernel.height * kernel.width + tap
                                    body(x + input, y + output, weight)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private static let cases = [
        Case(),
        Case(inputs: 1, outputs: 1, images: 1),
        Case(rows: 1, columns: 1, inputs: 3, outputs: 2, images: 1),
        Case(inputs: 7, outputs: 70, kernel: Extent(1), margins: Margins(0)),
        Case(rows: 8, columns: 5, kernel: Extent(1), strides: Extent(2), margins: Margins(0)),
        Case(rows: 7, columns: 8, outputs: 64, strides: Extent(2)),
        Case(rows: 8, columns: 9, strides: Extent(2), margins: Margins(top: 0, bottom: 1, left: 0, right: 1)),
        Case(rows: 13, columns: 12, inputs: 3, kernel: Extent(7), strides: Extent(2), margins: Margins(3)),
        Case(kernel: Extent(height: 1, width: 5), strides: Extent(height: 3, width: 2), margins: Margins(2)),
        Case(rows: 4, columns: 4, kernel: Extent(2), strides: Extent(3), margins: Margins(0)),
        // Vectors that 16, 32 and 48 channels fill.
        Case(rows: 9, columns: 30, inputs: 3, outputs: 16),
        Case(rows: 6, columns: 7, inputs: 17, outputs: 48),
        Case(rows: 8, columns: 15, inputs: 16, outputs: 32, strides: Extent(2)),
        // By Winograd's algorithm, both ways.
        Case(rows: 15, columns: 14, inputs: 64, outputs: 64),
        Case(rows: 20, columns: 21, inputs: 16, outputs: 16),
        Case(rows: 7, columns: 6, inputs: 48, outputs: 80),
        // Forwards by direct sums, back by Winograd's algorithm, on a larger map than its result.
        Case(
            rows: 21, columns: 22, inputs: 64, outputs: 32, margins: Margins(0), images: 1),
    ]

    /// What one team computes.
    private struct Results: Equatable {
        var y: [Float]
        var dx: [Float]
        var added: [Float]
        var dw: [Float]
        var db: [Float]
    }

    private struct Operands {
        var x, dy, filters, bias: [Float]
    }

    private func operands(_ example: Case) -> Operands {
        var random = SplitMix64(seed: 3)
        func values(_ count: Int) -> [Float] { Tensor.random([count], using: &random).values }
        let step = example.step
        return Operands(
            x: values(example.images * step.input.count), dy: values(example.images * step.output.count),
            filters: values(example.outputs * step.convolution.filterSize), bias: values(example.outputs))
    }

    private func results(_ example: Case, _ operands: Operands, threads: Int) throws -> Results {
        let passes = try #require(
            try VectorPasses(example.step, images: example.images, needsSource: true))
        func memory(_ values: [Float]) throws -> AlignedMemory {
            let memory = try AlignedMemory(bytes: values.count * MemoryLayout<Float>.stride)
            memory.floats.update(from: values, count: values.count)
            return memory
        }
        let (x, dy) = (try memory(operands.x), try memory(operands.dy))
        let (filters, bias) = (try memory(operands.filters), try memory(operands.bias))
        let (y, dx, added) = (try memory(operands.dy), try memory(operands.x), try memory(operands.x))
        let dw = try memory(operands.filters.map { _ in 0 })
        let db = try memory(operands.bias.map { _ in 0 })
        let packed = try AlignedMemory(bytes: passes.packedFloats * MemoryLayout<Float>.stride)
        let scratch = try (0..<threads).map { _ in
            try AlignedMemory(bytes: passes.scratchFloats * MemoryLayout<Float>.stride)
        }
        struct Memories: @unchecked Sendable { let all: [AlignedMemory], scratch: [AlignedMemory] }
        let memories = Memories(all: [x, dy, filters, bias, y, dx, added, dw, db, packed], scratch: scratch)
        let (rendezvous, failure) = (Rendezvous(threads: threads), FirstFailure())
        onThreads(threads) { thread in
            failure.attempt {
                let member = TeamMember(thread, of: threads, rendezvous)
                let (all, own) = (memories.all.map(\.floats), memories.scratch[thread].floats)
                passes.setWeights(all[2], bias: all[3], member)
                try member.meet()
                passes.run(all[0], all[4], scratch: own, member)
                try passes.runBack(all[1], all[5], adds: false, scratch: own, member)
                try passes.runBack(all[1], all[6], adds: true, scratch: own, member)
                try passes.addGradient(
                    all[0], all[1], filters: all[7], bias: all[8], packed: all[9], scratch: own, member)
            }
        }
        try failure.rethrow()
        func values(_ memory: AlignedMemory, _ count: Int) -> [Float] {
            Array(UnsafeBufferPointer(start: memory.floats, count: count))
        }
        return Results(
            y: values(y, operands.dy.count), dx: values(dx, operands.x.count),
            added: values(added, operands.x.count), dw: values(dw, operands.filters.count),
            db: values(db, operands.bias.count))
    }

    @Test("Outputs and gradients are the sums of the products", arguments: cases)
    func sums(example: Case) throws {
        let operands = operands(example)
        let found = try results(example, operands, threads: 2)
        var y = operands.dy.map { _ in 0.0 }
        var (dx, dw, db) = (
            operands.x.map { _ in 0.0 }, operands.filters.map { _ in 0.0 }, operands.bias.map { _ in 0.0 }
        )
        for index in y.indices {
            y[index] = Double(operands.bias[index % example.outputs])
            db[index % example.outputs] += Double(operands.dy[index])
        }
        example.forEachProduct { place, result, weight in
            let (value, slope, own) = (operands.x[place], operands.dy[result], operands.filters[weight])
            y[result] += Double(value) * Double(own)
            dx[place] += Double(slope) * Double(own)
            dw[weight] += Double(value) * Double(slope)
        }
        let added = zip(dx, operands.x).map { $0 + Double($1) }
        let pairs = [
            ("outputs", found.y, y), ("source", found.dx, dx), ("source, added", found.added, added),
            ("filters", found.dw, dw), ("bias", found.db, db),
        ]
        for (name, own, expected) in pairs {
            let largest = expected.map(abs).max() ?? 0
            for (index, (value, truth)) in zip(own, expected).enumerated()
            where abs(Double(value) - truth) > 1e-5 * largest {
                Issue.record("\(name) \(index): \(value), expected \(truth)")
                break
            }
        }
    }

    @Test("The same to the bit for any number of threads", arguments: cases)
    func threads(example: Case) throws {
        let operands = operands(example)
        let expected = try results(example, operands, threads: 1)
        for threads in [2, 3, 5] { #expect(try results(example, operands, threads: threads) == expected) }
    }

    @Test("Groups, dilation and volumes are left to oneDNN")
    func others() throws {
        var grouped = Case(inputs: 4, outputs: 4).step
        grouped.convolution.groups = 2
        var dilated = Case().step
        dilated.convolution.dilation = Extent(2)
        for step in [grouped, dilated] {
            #expect(try VectorPasses(step, images: 1, needsSource: true) == nil)
        }
    }
}
