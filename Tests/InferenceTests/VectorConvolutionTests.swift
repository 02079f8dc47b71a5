import Networks
import Tensors
import Testing

@testable import Inference

/// Against sums in Double, within 2e-6 of the sum of the products' absolute values. Winograd's algorithm computes 4×4
/// outputs together, whose roundings they share: there the largest of them counts.
@Suite("Convolutions by our own kernels")
struct VectorConvolutionTests {
    /// What a test convolves.
    private struct Case {
        var rows = 9
        var columns = 7
        var inputs = 32
        /// As many as the widest kernels take at once.
        var outputs = 64
        var strides = 1
        var margins = Margins(1)
        var layout = KernelLayout.hwio
        var clamp = Clamp.none
        var accumulates = false
        var batch = 2

        var outputRows: Int { (rows + margins.top + margins.bottom - 3) / strides + 1 }
        /// Whether it may be by Winograd's algorithm.
        var isWinograd: Bool { strides == 1 && inputs % 16 == 0 && outputs % 16 == 0 }
        var outputColumns: Int { (columns + margins.left + margins.right - 3) / strides + 1 }

        /// Where the output of an index is.
        func place(_ index: Int) -> (image: Int, row: Int, column: Int, output: Int) {
            let (position, output) = index.quotientAndRemainder(dividingBy: outputs)
            let (line, column) = position.quotientAndRemainder(dividingBy: outputColumns)
            return (line / outputRows, line % outputRows, column, output)
        }

        var step: ConvolutionStep {
            ConvolutionStep(
                convolution: Convolution(
                    kernel: "kernel", kernelLayout: layout, bias: "bias", inputs: inputs, outputs: outputs,
                    size: Extent(3), strides: Extent(strides), dilation: Extent(1), groups: 1,
                    padding: .margins(margins)),
                affine: nil, input: [rows, columns, inputs], output: [outputRows, outputColumns, outputs],
                margins: margins, accumulates: accumulates, clamp: clamp)
        }
    }

    /// Runs a case with vectors of so many floats, or the processor's own; nil where it has none of that length.
    private func run(
        _ test: Case, _ images: Tensor, _ before: Tensor, _ parameters: ParameterTable, lanes: Int?,
        team: Int = 1
    ) throws -> [Float]? {
        let folded = try FoldedKernel(test.step, Weights(parameters))
        guard
            let convolution = try VectorConvolution(
                test.step, batch: test.batch, weights: folded, lanes: lanes)
        else { return nil }
        let source = try AlignedMemory(bytes: images.values.count * 4)
        let result = try AlignedMemory(bytes: before.values.count * 4)
        let scratch = try AlignedMemory(bytes: convolution.scratchBytes)
        source.floats.update(from: images.values, count: images.values.count)
        result.floats.update(from: before.values, count: before.values.count)
        let execution = convolution.bind(scratch: scratch.address, team: team)
        try execution.run(
            source.floats, to: result.floats, images: test.batch, on: OneDNNStream(OneDNNDevice()))
        return Array(UnsafeBufferPointer(start: result.floats, count: before.values.count))
    }

    /// The sums, and those of absolute values, of every output.
    private func exact(
        _ test: Case, _ images: Tensor, _ before: Tensor, _ kernel: Tensor, _ bias: Tensor
    ) -> (sums: [Double], sizes: [Double]) {
        let strides = KernelStrides(test.step.convolution)
        var (sums, sizes): ([Double], [Double]) = ([], [])
        for index in before.values.indices {
            let (image, row, column, output) = test.place(index)
            var sum = Double(bias.values[output]) + (test.accumulates ? Double(before.values[index]) : 0)
            var size = abs(sum)
            for tap in 0..<9 {
                let (r, c) = (
                    row * test.strides - test.margins.top + tap / 3,
                    column * test.strides - test.margins.left + tap % 3
                )
                guard (0..<test.rows).contains(r), (0..<test.columns).contains(c) else { continue }
                let pixel = ((image * test.rows + r) * test.columns + c) * test.inputs
                let filter = output * strides.output + tap / 3 * strides.row + tap % 3 * strides.column
                for input in 0..<test.inputs {
                    let product =
                        Double(images.values[pixel + input])
                        * Double(kernel.values[filter + input * strides.input])
                    sum += product
                    size += abs(product)
                }
            }
            sums.append(min(max(sum, Double(test.clamp.floor)), Double(test.clamp.ceiling)))
            sizes.append(size)
        }
        return (sums, test.isWinograd ? largestOfTiles(sizes, test) : sizes)
    }

    /// Of every output, the largest size among those of its tile.
    private func largestOfTiles(_ sizes: [Double], _ test: Case) -> [Double] {
        func tile(_ index: Int) -> [Int] {
            let (image, row, column, output) = test.place(index)
            return [image, row / 4, column / 4, output]
        }
        var largest: [[Int]: Double] = [:]
        for (index, size) in sizes.enumerated() {
            largest[tile(index)] = max(largest[tile(index)] ?? 0, size)
        }
        return sizes.indices.map { largest[tile($0)] ?? 0 }
    }

    private func expectExact(_ test: Case, sourceLocation: SourceLocation = #_sourceLocation) throws {
        var random = SplitMix64(seed: 7)
        let images = Tensor.random(
            [test.batch, test.rows, test.columns, test.inputs], in: -1...2, using: &random)
        let before = Tensor.random(
            [test.batch, test.outputRows, test.outputColumns, test.outputs], in: -2...2, using: &random)
        let kernel = Tensor.random(test.step.convolution.kernelShape ?? [], in: -1...1, using: &random)
        let bias = Tensor.random([test.outputs], in: -1...1, using: &random)
        let parameters = ParameterTable(
            [("kernel", kernel), ("bias", bias)].map { name, tensor in
                Parameter(name: name, shape: tensor.shape, elementType: .float32) { tensor }
            })
        let (sums, sizes) = exact(test, images, before, kernel, bias)
        for lanes in [nil, 4, 8, 16] {
            guard let found = try run(test, images, before, parameters, lanes: lanes) else { continue }
            let wrong = found.indices.filter { abs(Double(found[$0]) - sums[$0]) > 2e-6 * sizes[$0] }
            #expect(
                wrong.isEmpty, "\(lanes ?? 0) lanes: \(wrong.count) outputs", sourceLocation: sourceLocation)
            let shared = try run(test, images, before, parameters, lanes: lanes, team: 3)
            #expect(
                shared == found, "three threads give the same bits", sourceLocation: sourceLocation)
        }
    }

    @Test("Maps of any size, with strides 1, 2 and 3", arguments: [1, 2, 3, 4, 5, 6, 8, 13], [1, 2, 3])
    func sizes(size: Int, strides: Int) throws {
        try expectExact(Case(rows: size, columns: size, strides: strides))
        try expectExact(Case(rows: 3, columns: size + 7, strides: strides))
    }

    @Test(
        "Margins on any side, or none",
        arguments: [
            Margins(0), Margins(top: 0, bottom: 1, left: 0, right: 1),
            Margins(top: 2, bottom: 0, left: 1, right: 3),
        ], [1, 2])
    func margins(margins: Margins, strides: Int) throws {
        try expectExact(Case(strides: strides, margins: margins))
    }

    @Test(
        "Any number of channels",
        arguments: [
            (16, 16), (17, 5), (17, 16), (17, 32), (20, 40), (32, 32), (48, 80), (64, 96), (96, 128),
        ],
        [1, 2])
    func channels(channels: (inputs: Int, outputs: Int), strides: Int) throws {
        try expectExact(Case(inputs: channels.inputs, outputs: channels.outputs, strides: strides))
    }

    @Test("PyTorch's order of the kernel", arguments: [1, 2])
    func layout(strides: Int) throws {
        try expectExact(Case(strides: strides, layout: .oihw))
    }

    @Test("A sum with what is there, through a ReLU or clipped", arguments: [false, true], [1, 2])
    func tail(accumulates: Bool, strides: Int) throws {
        for clamp in [Clamp(floor: 0), Clamp(floor: 0, ceiling: 1.5)] {
            try expectExact(Case(strides: strides, clamp: clamp, accumulates: accumulates))
        }
    }

    @Test("More tiles than a block holds, and blocks that end within an image", arguments: [1, 5])
    func blocks(batch: Int) throws {
        try expectExact(Case(rows: 30, columns: 31, batch: batch))
    }

    @Test("Fewer images need no more scratch memory")
    func scratch() throws {
        let kernel = Tensor(shape: Case().step.convolution.kernelShape ?? [], repeating: 1)
        let parameters = ParameterTable(
            [("kernel", kernel), ("bias", Tensor(shape: [Case().outputs], repeating: 0))].map {
                name, tensor in
                Parameter(name: name, shape: tensor.shape, elementType: .float32) { tensor }
            })
        var sizes: [Int] = []
        for batch in 1...40 {
            let test = Case(batch: batch)
            let folded = try FoldedKernel(test.step, Weights(parameters))
            guard let convolution = try VectorConvolution(test.step, batch: batch, weights: folded) else {
                return
            }
            sizes.append(convolution.scratchBytes)
        }
        #expect(sizes == sizes.sorted())
    }

    @Test("A ReLU keeps what is not a number", arguments: [1, 2])
    func notANumber(strides: Int) throws {
        let test = Case(strides: strides, clamp: Clamp(floor: 0), batch: 1)
        let kernel = Tensor(shape: test.step.convolution.kernelShape ?? [], repeating: 1)
        let parameters = ParameterTable(
            [("kernel", kernel), ("bias", Tensor(shape: [test.outputs], repeating: 0))].map { name, tensor in
                Parameter(name: name, shape: tensor.shape, elementType: .float32) { tensor }
            })
        var images = Tensor(shape: [1, test.rows, test.columns, test.inputs], repeating: 1)
        images.values[0] = .nan
        let before = Tensor(shape: [1, test.outputRows, test.outputColumns, test.outputs], repeating: 0)
        guard let found = try run(test, images, before, parameters, lanes: nil) else { return }
        let undefined = found.prefix(test.outputs).filter(\.isNaN).count
        #expect(undefined == test.outputs)
    }
}
