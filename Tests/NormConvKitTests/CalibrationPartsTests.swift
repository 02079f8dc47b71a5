@testable import Calibration
import Foundation
import TestSupport
import Testing

@testable import NormConvKit

@Suite("Parts of a calibration")
struct CalibrationPartsTests {
    private func random(_ count: Int, seed: UInt64) -> [Float] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
    }

    private func store(_ shape: Shape, _ count: Int, _ values: [Float]) throws -> ActivationStore {
        let store = try ActivationStore(shape: shape, count: count)
        values.withUnsafeBufferPointer { store.store(0..<count, $0) }
        return store
    }

    private func convolution(_ inputs: Int, _ outputs: Int, size: Int = 1, bias: String? = nil) -> Convolution
    {
        Convolution(
            kernel: "conv.weight", kernelLayout: .oihw, bias: bias, inputs: inputs, outputs: outputs,
            size: Extent(size), strides: Extent(1), dilation: Extent(1), groups: 1, padding: .same)
    }

    private func table(_ tensors: [(String, Shape, [Float])]) -> ParameterTable {
        ParameterTable(
            tensors.map { name, shape, values in
                let tensor = Tensor(shape: shape, values: values)
                return Parameter(name: name, shape: shape, elementType: .float32) { tensor }
            })
    }

    // MARK: Images

    @Test("A view is the image moved, what is uncovered mirrors what is beside it, and mirrored by columns")
    func views() throws {
        // numpy: np.pad([[0..2],[3..5],[6..8]], 1, mode="reflect"), cut, and [:, ::-1].
        let store = try store([3, 3, 1], 1, (0..<9).map(Float.init))
        func values(_ view: ImageView) -> [Float] {
            var values = [Float](repeating: -1, count: 9)
            values.withUnsafeMutableBufferPointer { view.write(from: store, to: $0.baseAddress!) }
            return values
        }
        #expect(values(ImageView(image: 0)) == [0, 1, 2, 3, 4, 5, 6, 7, 8])
        #expect(values(ImageView(image: 0, rows: 1)) == [3, 4, 5, 6, 7, 8, 3, 4, 5])
        #expect(values(ImageView(image: 0, rows: -1)) == [3, 4, 5, 0, 1, 2, 3, 4, 5])
        #expect(values(ImageView(image: 0, columns: 1)) == [1, 2, 1, 4, 5, 4, 7, 8, 7])
        #expect(values(ImageView(image: 0, isMirrored: true)) == [2, 1, 0, 5, 4, 3, 8, 7, 6])
        // Mirrored first, then moved: column c shows what stands at the mirror image of c + columns.
        #expect(values(ImageView(image: 0, columns: 1, isMirrored: true)) == [1, 0, 1, 4, 3, 4, 7, 6, 7])
    }

    @Test("A rectangle of a training view shows the same part of another view")
    func patches() throws {
        let drawn = try store([3, 3, 1], 2, (0..<18).map(Float.init))
        let images = TrainingImages(try CalibrationImages(drawn, addsMirrored: false), others: nil)
        var values = [Float](repeating: -1, count: 9)
        try values.withUnsafeMutableBufferPointer { buffer in
            let start = try #require(buffer.baseAddress)
            let patch = TrainingView.Patch(
                rows: 1..<3, columns: 0..<2, view: ImageView(image: 1, isMirrored: true))
            try images.write(TrainingView(view: ImageView(image: 0), patch: patch), to: start)
        }
        #expect(values == [0, 1, 2, 14, 13, 5, 17, 16, 8])
    }

    @Test(
        "Every second view has a rectangle of the next, of a tenth to six tenths of its area",
        arguments: [32, 224])
    func drawnPatches(size: Int) throws {
        let drawing = ViewDrawing(shape: [size, size, 3], mayMirror: false, deviations: [1, 1, 1])
        var random = SplitMix64(seed: 5)
        let views = drawing.views(of: Array(0..<2000), using: &random)
        #expect(views.map(\.view.image) == Array(0..<2000))
        #expect(views.allSatisfy { !$0.view.isMirrored && ($0.view.change != nil) == (size >= 64) })
        let patches = views.enumerated().compactMap { place, view in view.patch.map { (place, $0) } }
        // Five standard deviations of a fair coin thrown 2,000 times are 112.
        #expect((888...1112).contains(patches.count))
        for (place, patch) in patches {
            #expect(patch.view.image == (place + 1) % 2000)
            #expect(0 <= patch.rows.lowerBound && patch.rows.upperBound <= size)
            #expect(0 <= patch.columns.lowerBound && patch.columns.upperBound <= size)
            let area = Double(patch.rows.count * patch.columns.count) / Double(size * size)
            #expect(area > 0.1 * 0.8 && area <= 0.6)
        }
    }

    @Test("A change scales around the middle, linearly between pixels, and recolours each channel")
    func changedViews() throws {
        let store = try store([3, 3, 1], 1, (0..<9).map(Float.init))
        func values(_ zoom: Float, gain: Float = 1, offset: Float = 0, _ view: ImageView) -> [Float] {
            var view = view
            view.change = ImageView.Change(zoom: zoom, gains: [gain], offsets: [offset])
            var result = [Float](repeating: 0, count: 9)
            result.withUnsafeMutableBufferPointer { buffer in
                if let start = buffer.baseAddress { view.write(from: store, to: start) }
            }
            return result
        }
        // Without a zoom it is the same view; rows at −0.5, 0 and 0.5 from the middle are means of neighbours.
        for view in [
            ImageView(image: 0), ImageView(image: 0, rows: 1), ImageView(image: 0, columns: -1),
            ImageView(image: 0, columns: 1, isMirrored: true),
        ] {
            var plain = [Float](repeating: 0, count: 9)
            plain.withUnsafeMutableBufferPointer { buffer in
                if let start = buffer.baseAddress { view.write(from: store, to: start) }
            }
            #expect(values(1, view) == plain)
            #expect(values(1, gain: 2, offset: -3, view) == plain.map { 2 * $0 - 3 })
        }
        #expect(values(2, ImageView(image: 0)) == [2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6])
        // Half the size: what is outside mirrors what is inside.
        #expect(values(0.5, ImageView(image: 0)) == [4, 4, 4, 4, 4, 4, 4, 4, 4].map { Float($0) })
    }

    @Test("Fewer images where they have more positions than needed, evenly chosen")
    func thinned() {
        let images = FittedImages(fit: Array(0..<100), held: Array(100..<140))
        let few = images.thinned(positions: 1024, to: 32_768)
        #expect(few.fit.count == 32 && few.held.count == 16)
        #expect(few.fit.first == 0 && few.fit.last == 96 && Set(few.fit).count == 32)
        #expect(few.held.allSatisfy { (100..<140).contains($0) })
        // An image counts for 2,048 positions at most, and there are no more images than there are.
        #expect(images.thinned(positions: 1 << 20, to: 32_768).fit.count == 16)
        #expect(images.thinned(positions: 1, to: 32_768).fit == images.fit)
        #expect(images.thinned(positions: 1, to: 32_768).held == images.held)
    }

    @Test(
        "Sampled positions are few, enough for the filters, and in every column",
        arguments: [(32, 16, 16, 3), (56, 64, 64, 1), (14, 512, 256, 1), (7, 2048, 512, 1)])
    func sampling(side: Int, inputs: Int, outputs: Int, size: Int) throws {
        let images = 96
        let source = MomentSource(
            convolution(inputs, outputs, size: size),
            inputs: try ActivationStore(shape: [side, side, inputs], count: 1),
            target: MomentTarget(value: try ActivationStore(shape: [side, side, outputs], count: 1)))
        let stride = source.samplingStride(images: images, effort: 1)
        let positions = images * side * side
        let columns = Set(Swift.stride(from: 0, to: positions, by: stride).map { $0 % side })
        #expect(columns.count == side)
        let seen = positions / stride
        #expect(seen >= min(positions, 2 * size * size * inputs))
        // Products of n positions: n·k·(k + o), where the layer itself takes N·k·o.
        let weights = size * size * inputs
        #expect(stride == 1 || seen <= max(4 * weights, positions * outputs / (weights + outputs)) + 1)
    }

    // MARK: Layers

    /// A student whose filters were disturbed, and a teacher that the same network could follow exactly.
    private func calibrator(
        _ network: (Network, Network), _ tables: (ParameterTable, ParameterTable), images: ActivationStore,
        shapes: [Shape], refinements: Int = 0
    ) throws -> LayerwiseCalibrator {
        let images = try CalibrationImages(images, addsMirrored: false)
        func cache(_ network: Network, _ table: ParameterTable) -> ActivationCache {
            ActivationCache(
                network, parameters: table, shapes: shapes, images: images.store, precision: .single,
                workers: 2)
        }
        return LayerwiseCalibrator(
            network.0, teacher: cache(network.0, tables.0), student: cache(network.1, tables.1),
            parameters: CalibratedParameters(tables.1), images: images,
            settings: .init(
                standardized: [], epsilon: .bit, refinements: refinements, memory: 1 << 30, workers: 2))
    }

    @Test("A dense layer is fitted to the old one's values by ridge regression near the old kernel")
    func linear() throws {
        let kernel = random(12, seed: 1)
        let other = kernel.map { $0 + 0.3 }
        let dense = Dense(
            kernel: "fc.weight", kernelIsTransposed: true, bias: "fc.bias", inputs: 4, outputs: 3)
        let network = Network(
            name: "linear", architecture: "linear", family: .torch,
            input: .init(height: 1, width: 1, channels: 4),
            nodes: [
                Node(layer: "input", operation: .input, inputs: []),
                Node(layer: "flatten", operation: .flatten, inputs: [0]),
                Node(layer: "fc", operation: .dense(dense), inputs: [1]),
            ], output: 2)
        func parameters(_ kernel: [Float], _ bias: [Float]) -> ParameterTable {
            table([("fc.weight", [3, 4], kernel), ("fc.bias", [3], bias)])
        }
        let images = try store([1, 1, 4], 64, random(256, seed: 2))
        let calibrator = try calibrator(
            (network, network), (parameters(kernel, [1, 2, 3]), parameters(other, [0, 0, 0])), images: images,
            shapes: network.shapes(forImage: [1, 1, 4]))
        try calibrator.run(head: nil) { _ in }
        let fitted = try #require(calibrator.parameters.fitted["fc.weight"]).values
        // What the old kernel gives, on data that holds it exactly: the ridge pulls to the same kernel.
        #expect(zip(fitted, kernel).allSatisfy { abs($0 - $1) < 1e-4 })
        #expect(
            zip(try #require(calibrator.parameters.fitted["fc.bias"]).values, [1, 2, 3]).allSatisfy {
                abs($0 - $1) < 1e-4
            })
        // As the head it is left to its own step.
        let again = try self.calibrator(
            (network, network), (parameters(kernel, [1, 2, 3]), parameters(other, [0, 0, 0])), images: images,
            shapes: network.shapes(forImage: [1, 1, 4]))
        try again.run(head: 2) { _ in }
        #expect(again.parameters.fitted.isEmpty)
    }

    /// Least squares takes the convolution's outputs for what counts; behind a group norm steps down the gradient find
    /// filters whose norm is nearer to the old network's values.
    @Test("Steps through the norm bring its output nearer on the images set aside")
    func refinement() throws {
        let (inputs, outputs, side) = (6, 8, 5)
        let convolution = convolution(inputs, outputs, size: 3)
        let old = BatchNorm(
            gamma: "bn.weight", beta: "bn.bias", mean: "bn.running_mean", variance: "bn.running_var",
            epsilon: 1e-5, channels: outputs)
        let new = GroupNorm(gamma: "bn.weight", beta: "bn.bias", groups: 2, epsilon: 1e-5, channels: outputs)
        func network(_ norm: NormConvKit.Operation) -> Network {
            Network(
                name: "layer", architecture: "layer", family: .torch,
                input: .init(height: side, width: side, channels: inputs),
                nodes: [
                    Node(layer: "input", operation: .input, inputs: []),
                    Node(layer: "conv", operation: .convolution(convolution), inputs: [0]),
                    Node(layer: "bn", operation: norm, inputs: [1]),
                    Node(layer: "relu", operation: .activation(.relu), inputs: [2]),
                ], output: 3)
        }
        let networks = (network(.batchNorm(old)), network(.groupNorm(new)))
        let parameters = table([
            ("conv.weight", [outputs, inputs, 3, 3], random(outputs * inputs * 9, seed: 3)),
            ("bn.weight", [outputs], random(outputs, seed: 4).map { 1 + 0.3 * $0 }),
            ("bn.bias", [outputs], random(outputs, seed: 5)),
            ("bn.running_mean", [outputs], random(outputs, seed: 6)),
            ("bn.running_var", [outputs], random(outputs, seed: 7).map { 10 + 3 * $0 }),
        ])
        let images = try store([side, side, inputs], 80, random(80 * side * side * inputs, seed: 8))
        func after(_ refinements: Int) throws -> (CalibrationReport.Norm, [String: Tensor]) {
            let calibrator = try calibrator(
                networks, (parameters, parameters), images: images,
                shapes: networks.0.shapes(forImage: [side, side, inputs]), refinements: refinements)
            try calibrator.run(head: nil) { _ in }
            return (try #require(calibrator.norms.first), calibrator.parameters.fitted)
        }
        let (plain, _) = try after(0)
        let (refined, fitted) = try after(5)
        #expect(plain.after <= plain.before + 1e-9 && plain.before == refined.before)
        #expect(refined.after < 0.95 * plain.after)
        // What is reported is what the parameters give: the reference engine's error on the images set aside.
        let engines = (
            try ReferenceEngine(
                network: networks.0, parameters: parameters, imageShape: [side, side, inputs]),
            try ReferenceEngine(
                network: networks.1, parameters: parameters.replacing(fitted),
                imageShape: [side, side, inputs])
        )
        var (error, sums, squares) = (0.0, [Double](repeating: 0, count: outputs), 0.0)
        for image in 64..<80 {
            let input = Tensor(shape: [side, side, inputs], values: images.values(image..<image + 1))
            let wanted = engines.0.values(for: input)[3].values
            let given = engines.1.values(for: input)[3].values
            for place in wanted.indices {
                let (aim, found) = (Double(wanted[place]), Double(given[place]))
                error += (aim - found) * (aim - found)
                sums[place % outputs] += aim
                squares += aim * aim
            }
        }
        let count = Double(16 * side * side)
        let spread = squares - sums.reduce(0) { $0 + $1 * $1 / count }
        #expect(abs(error / spread - refined.after) < 1e-3 * refined.after)
    }
}

@Suite("Images of a training")
struct TrainingImagesTests {
    @Test("Images in memory come first, then those that are read when they are needed")
    func places() throws {
        let drawn = try ActivationStore(shape: [2, 2, 1], count: 8)
        let values = (0..<32).map { Float($0) }
        values.withUnsafeBufferPointer { drawn.store(0..<8, $0) }
        let others = ImageSource(count: 3, shape: [2, 2, 1]) { range, buffer in
            for (place, image) in range.enumerated() {
                for index in 0..<4 { buffer[place * 4 + index] = Float(1000 + image * 4 + index) }
            }
        }
        let stored = try CalibrationImages(drawn, addsMirrored: true)
        let images = TrainingImages(stored, others: others)
        // Six of the eight are fitted to.
        #expect(images.count == 9 && TrainingImages(stored, others: nil).count == 6)
        for image in 0..<9 {
            var found = [Float](repeating: 0, count: 4)
            try found.withUnsafeMutableBufferPointer { buffer in
                try images.write(ImageView(image: image, isMirrored: true), to: buffer.baseAddress!)
            }
            let first = Float(image < 6 ? image * 4 : 1000 + (image - 6) * 4)
            #expect(found == [first + 1, first, first + 3, first + 2])
        }
    }
}
