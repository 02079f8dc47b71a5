@testable import Calibration
import Foundation
import HDF5
import TestSupport
import Testing

@testable import NormConvKit

@Suite("Calibration")
struct CalibrationTests {
    private static let resnet = "mnist-resnet.keras3.h5"

    private func model(_ file: String = resnet) throws -> Model { try Model(path: TestFiles.fixture(file)) }

    private func split() throws -> Split { try Split(path: TestFiles.fixture("mnist-test.h5")) }

    private func calibrated(
        _ model: Model, _ calibration: CalibrationOptions,
        options: ConversionOptions = ConversionOptions(groups: .perGroup(4)),
        preprocessing: Preprocessing? = nil
    ) throws -> (plan: ConversionPlan, report: CalibrationReport) {
        try model.calibrate(
            model.plan(options), options: options, on: split(), with: calibration,
            preprocessing: preprocessing)
    }

    /// The values that a plan gives to parameters.
    private func values(_ plan: ConversionPlan, _ model: Model) throws -> [String: [Float]] {
        let table = try model.checkpoint.parameters.applying(plan.edits, path: "")
        return try Dictionary(uniqueKeysWithValues: table.map { ($0.name, try $0.read().values) })
    }

    // MARK: Against independent truth

    /// numpy's weighted least squares through a group norm, behind a ReLU; Float32 sums: within 1e-4.
    @Test("A calibration whose outputs stay far from the old network's is warned of, others are not")
    func poor() throws {
        let model = try model()
        let (plan, report) = try calibrated(model, CalibrationOptions(images: 64, epochs: 0))
        let error = try #require(report.steps.last(where: \.kept)?.outputError)
        #expect(error < 0.5)
        #expect(!plan.report.warnings.contains { if case .poorCalibration = $0 { true } else { false } })
        // Grey and colour images that have nothing of digits.
        let images = try Split(
            path: TestFiles.fixture("images"), requiresLabels: false,
            transform: model.transform(SplitOptions()))
        let far = try model.calibrate(
            model.plan(ConversionOptions(groups: .perGroup(4))),
            options: ConversionOptions(groups: .perGroup(4)), on: images.withoutBrokenImages(),
            with: CalibrationOptions(images: 64, epochs: 0))
        let last = try #require(far.report.steps.last(where: \.kept)?.outputError)
        let warned = far.plan.report.warnings.contains(
            .poorCalibration(error: last, images: far.report.setAside))
        #expect(warned == (last > 0.5))
    }

    @Test("Scale and offset are numpy's, and so is the error that is left")
    func affine() throws {
        func stored(_ name: String) throws -> ActivationStore {
            let tensor = try fixture("affine/\(name)", in: "calibration.h5")
            let store = try ActivationStore(
                shape: Shape(Array(tensor.shape.extents.dropFirst())), count: tensor.shape[0])
            tensor.values.withUnsafeBufferPointer { store.store(0..<tensor.shape[0], $0) }
            return store
        }
        let images = [0, 1, 2, 3, 4]
        let activations = try NormActivations(
            stored("u"), images: images, channels: 4, groups: 2, epsilon: 1e-5, workers: 2)
        var target = NormTarget(
            value: try stored("p"), offset: try stored("s"), hasReLU: false, leak: 0.1)
        var parameters = LayerwiseCalibrator.NormParameters(gamma: [1, 1, 1, 1], beta: [0, 0, 0, 0])
        func fit() throws { parameters = try activations.fitted(target, parameters, images) }
        func expect(_ name: String) throws {
            let expected = try fixture("affine/\(name)", in: "calibration.h5").values
            for (found, expected) in zip(parameters.gamma + parameters.beta, expected) {
                #expect(abs(found - Double(expected)) < 1e-4)
            }
        }
        try fit()
        try expect("plain")
        target.hasReLU = true
        try fit()
        try expect("rectified")
        let error = try activations.sums(
            images, gamma: parameters.gamma, beta: parameters.beta, target: target
        ).relativeError(positions: 5 * 9)
        let expected = try Double(fixture("affine/error", in: "calibration.h5").values[0])
        #expect(abs(error - expected) < 1e-4)
    }

    @Test("An activation cache has the reference engine's values, however it is asked, and lets go of them")
    func activationCache() throws {
        let model = try model()
        let images = try images(3, of: split(), .raw)
        let shape: Shape = [28, 28, 1]
        let store = try ActivationStore(shape: shape, count: 3)
        images.values.withUnsafeBufferPointer { store.store(0..<3, $0) }
        let shapes = try model.network.shapes(height: 28, width: 28)
        let cache = ActivationCache(
            model.network, parameters: model.checkpoint.parameters, shapes: shapes, images: store,
            precision: .single, workers: 2)
        let reference = try ReferenceEngine(
            network: model.network, parameters: model.checkpoint.parameters, imageShape: shape)
        let expected = (0..<3).map { image in
            reference.values(for: Tensor(shape: shape, values: store.values(image..<image + 1)))
        }
        let last = model.network.nodes.count - 1
        for node in [3, 4, 9, 9, last / 2, last] {
            try cache.advance(to: [node])
            let found = try #require(cache[node])
            for image in 0..<3 {
                let wanted = expected[image][node].values
                let scale = max(wanted.map(abs).max() ?? 0, 1)
                let worst = zip(found.values(image..<image + 1), wanted).map { abs($0 - $1) }.max() ?? 1
                #expect(worst <= 1e-4 * scale, "node \(node)")
            }
            cache.release()
        }
        #expect(cache[3] == nil && cache[last] != nil)
    }

    /// Every image holds the same pixels in another order, and a convolution of one tap keeps it so: all samples have
    /// the stored statistics, group norm does exactly what batch norm did, and there is nothing to fit.
    @Test("Calibration changes nothing where every sample's statistics are the stored ones")
    func nothingToFit() throws {
        let (network, parameters, images) = try exactNetwork()
        let options = ConversionOptions(groups: .count(2), weightStandardization: .off)
        let plan = try planConversion(of: network, parameters: parameters, options: options)
        let run = try CalibrationRun(
            network, parameters: parameters, plan, options, CalibrationOptions(epochs: 2), images: images,
            data: nil)
        let (fitted, report) = try run.run { _ in }
        let kept = report.steps.filter(\.kept)
        #expect(kept.allSatisfy { $0.agreement == 1 && $0.outputError < 1e-6 })
        #expect(report.norms.allSatisfy { $0.before < 1e-6 && $0.after < 1e-6 })
        let shape = images.shape
        func outputs(_ network: Network, _ table: ParameterTable) throws -> [Float] {
            let engine = try ReferenceEngine(network: network, parameters: table, imageShape: shape)
            return (0..<4).flatMap { image in
                engine.values(for: Tensor(shape: shape, values: images.values(image..<image + 1)))[
                    network.output
                ].values
            }
        }
        let before = try outputs(network, parameters)
        let after = try outputs(fitted.network, parameters.applying(fitted.edits, path: ""))
        let scale = before.map(abs).max() ?? 0
        #expect(zip(before, after).allSatisfy { abs($0 - $1) <= 1e-3 * scale })
    }

    /// A convolution of one tap, a norm, a ReLU and a dense layer over all positions; 16 images.
    private func exactNetwork() throws -> (Network, ParameterTable, ActivationStore) {
        var random = SplitMix64(seed: 11)
        func uniform(_ count: Int, _ range: ClosedRange<Float> = -1...1) -> [Float] {
            (0..<count).map { _ in Float.random(in: range, using: &random) }
        }
        let pixels = (0..<16).map { _ in uniform(3) }
        let kernel = uniform(12)
        let values = pixels.map { pixel in
            (0..<4).map { o in (0..<3).reduce(Float(0)) { $0 + kernel[o * 3 + $1] * pixel[$1] } }
        }
        let mean = (0..<4).map { o in values.reduce(Float(0)) { $0 + $1[o] } / 16 }
        let variance = (0..<4).map { o in
            values.reduce(Float(0)) { $0 + ($1[o] - mean[o]) * ($1[o] - mean[o]) } / 16
        }
        let tensors: [(String, Shape, [Float])] = [
            ("conv.weight", [4, 3, 1, 1], kernel), ("bn.weight", [4], uniform(4, 0.5...1.5)),
            ("bn.bias", [4], uniform(4)), ("bn.running_mean", [4], mean), ("bn.running_var", [4], variance),
            ("fc.weight", [5, 64], uniform(320)), ("fc.bias", [5], uniform(5)),
        ]
        let table = ParameterTable(
            tensors.map { name, shape, values in
                let tensor = Tensor(shape: shape, values: values)
                return Parameter(name: name, shape: shape, elementType: .float32) { tensor }
            })
        let convolution = Convolution(
            kernel: "conv.weight", kernelLayout: .oihw, bias: nil, inputs: 3, outputs: 4, size: Extent(1),
            strides: Extent(1), dilation: Extent(1), groups: 1, padding: .valid)
        let norm = BatchNorm(
            gamma: "bn.weight", beta: "bn.bias", mean: "bn.running_mean", variance: "bn.running_var",
            epsilon: 1e-5, channels: 4)
        let dense = Dense(
            kernel: "fc.weight", kernelIsTransposed: true, bias: "fc.bias", inputs: 64, outputs: 5)
        let network = Network(
            name: "exact", architecture: "exact", family: .torch,
            input: Network.Input(height: 4, width: 4, channels: 3),
            nodes: [
                Node(layer: "input", operation: .input, inputs: []),
                Node(layer: "conv", operation: .convolution(convolution), inputs: [0]),
                Node(layer: "bn", operation: .batchNorm(norm), inputs: [1]),
                Node(layer: "relu", operation: .activation(.relu), inputs: [2]),
                Node(layer: "flatten", operation: .flatten, inputs: [3]),
                Node(layer: "fc", operation: .dense(dense), inputs: [4]),
            ], output: 5)
        let images = try ActivationStore(shape: [4, 4, 3], count: 16)
        for image in 0..<16 {
            let mixed = pixels.shuffled(using: &random).flatMap { $0 }
            mixed.withUnsafeBufferPointer { images.store(image..<image + 1, $0) }
        }
        return (network, table, images)
    }

    // MARK: Real networks

    @Test(
        "Sixty-four images keep what stored statistics lose, in every layout",
        arguments: [
            ("mnist-resnet.keras3.h5", "raw", 0.90), ("mnist-resnet.keras2.h5", "raw", 0.90),
            ("mnist-resnet.torch.h5", "0.1307,0.3081", 0.90),
        ])
    func accuracy(file: String, preprocessing: String, floor: Double) throws {
        let (model, split) = (try model(file), try split())
        let preprocessing = try Preprocessing(parsing: preprocessing)
        let options = ConversionOptions(groups: .perGroup(4))
        let (plan, report) = try calibrated(
            model, CalibrationOptions(images: 64, epochs: 10), options: options,
            preprocessing: preprocessing)
        try TestFiles.withTemporaryFolder { folder in
            let paths = [folder + "/planned.h5", folder + "/calibrated.h5"]
            try model.write(
                model.plan(options), to: paths[0], options: options, preprocessing: preprocessing)
            try model.write(
                plan, to: paths[1], options: options, preprocessing: preprocessing, calibration: report)
            let top1 = try paths.map {
                try split.evaluate(Model(path: $0).run(on: split)).top1.value
            }
            #expect(top1[1] > top1[0] + 0.2)
            #expect(top1[1] > floor)
            let note = try #require(try Model(path: paths[1]).note?.calibration)
            #expect(note.fitted == 48 && note.setAside == 16 && note.agreement > 0.8)
        }
    }

    @Test("Standardized filters end with mean 0 and variance 1")
    func standardizedFilters() throws {
        let model = try model("mnist-resnet.torch.h5")
        let (plan, _) = try calibrated(
            model, CalibrationOptions(images: 32, epochs: 1), preprocessing: .unit)
        let values = try values(plan, model)
        let layers = Set(plan.report.standardized)
        for node in plan.network.nodes {
            guard case .convolution(let convolution) = node.operation, layers.contains(node.layer) else {
                continue
            }
            let filters = convolution.filters(try #require(values[convolution.kernel]))
            for start in stride(from: 0, to: filters.count, by: convolution.filterSize) {
                let filter = filters[start..<start + convolution.filterSize].map(Double.init)
                let mean = filter.reduce(0, +) / Double(filter.count)
                let square = filter.reduce(0) { $0 + $1 * $1 } / Double(filter.count)
                #expect(abs(mean) < 1e-5 && abs(square - 1) < 1e-4)
            }
        }
    }

    @Test("A seed gives the same parameters to the bit, whatever the number of workers; another seed others")
    func determinism() throws {
        let model = try model()
        func run(_ seed: UInt64, workers: Int) throws -> [String: [Float]] {
            let calibration = CalibrationOptions(images: 24, seed: seed, epochs: 1, workers: workers)
            return try values(calibrated(model, calibration).plan, model)
        }
        let expected = try run(1, workers: 1)
        for workers in [2, 7] {
            let found = try run(1, workers: workers)
            #expect(found == expected)
        }
        let other = try run(2, workers: 2)
        #expect(other != expected)
    }

    @Test("Labels are not read: a split without any gives the same network")
    func labels() throws {
        let model = try model()
        let split = try split()
        let calibration = CalibrationOptions(images: 16, epochs: 1)
        let options = ConversionOptions(groups: .perGroup(4))
        let plan = try model.plan(options)
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/unlabelled.npy.npz"
            try Self.writeImages(split, to: path)
            let unlabelled = try Split(path: path, requiresLabels: false)
            #expect(unlabelled.labels == nil)
            let fitted = try [split, unlabelled].map {
                try values(
                    model.calibrate(plan, options: options, on: $0, with: calibration).plan, model)
            }
            #expect(fitted[0] == fitted[1])
        }
    }

    /// A zip of one stored member, `images.npy`.
    private static func writeImages(_ split: Split, to path: String) throws {
        let shape: Shape = [split.count, split.height, split.width, split.channels]
        let pixels = try split.read(0..<split.count, preprocessing: .raw)
        let member = Tensor(shape: shape, values: pixels).npy
        let name = Data("images.npy".utf8)
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in member {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        func bytes(_ values: [UInt32], _ sizes: [Int]) -> Data {
            var data = Data()
            for (value, size) in zip(values, sizes) {
                data.append(contentsOf: (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
            }
            return data
        }
        let size = UInt32(member.count)
        let common: [UInt32] = [20, 0, 0, 0, 0, ~crc, size, size, UInt32(name.count), 0]
        let sizes = [2, 2, 2, 2, 2, 4, 4, 4, 2, 2]
        var file = bytes([0x0403_4B50] + common, [4] + sizes) + name + member
        let directory = UInt32(file.count)
        file +=
            bytes([0x0201_4B50, 20] + common + [0, 0, 0, 0, 0], [4, 2] + sizes + [2, 2, 2, 4, 4]) + name
        file += bytes(
            [0x0605_4B50, 0, 0, 1, 1, UInt32(file.count) - directory, directory, 0], [4, 2, 2, 2, 2, 4, 4, 2])
        try file.write(to: URL(fileURLWithPath: path))
    }

    @Test(
        "A step that raises the error without a clear gain in agreement is dropped; the head can be left as it is"
    )
    func steps() throws {
        let model = try model()
        let (_, report) = try calibrated(
            model, CalibrationOptions(images: 64, refitsHead: false, epochs: 2))
        #expect(report.steps.map(\.name) == ["statistics", "layers", "training", "halfway"])
        for (index, step) in report.steps.enumerated().dropFirst() {
            let earlier = report.steps[..<index].last { $0.kept }
            let last = try #require(earlier)
            let isNearer = step.outputError <= last.outputError
            #expect(
                step.kept
                    ? isNearer || step.agreement > last.agreement
                    : !isNearer || step.agreement < last.agreement)
        }
        let (_, without) = try calibrated(model, CalibrationOptions(images: 16, epochs: 0))
        #expect(without.steps.map(\.name) == ["statistics", "layers", "head"])
    }

    @Test(
        "Beyond the memory limit activations are kept in half precision, the first layers see fewer images, and the report says so"
    )
    func memory() throws {
        let model = try model()
        let (_, report) = try calibrated(model, CalibrationOptions(images: 64, epochs: 0, memory: 1 << 20))
        #expect(report.precision == "half")
        // 64 images and their mirror images: a quarter of the 48 that are fitted to.
        #expect(report.fewestFitted == 12 && report.fitted == 48)
        let error = try #require(report.steps.last(where: \.kept)?.outputError)
        #expect(error <= report.steps[0].outputError)
        let (_, single) = try calibrated(model, CalibrationOptions(images: 8, epochs: 0))
        #expect(single.precision == "single" && single.fewestFitted == nil)
    }

    @Test(
        "Every kind of layer is fitted or left alone with a reason",
        arguments: [
            "convolutions", "depthwise", "nested", "normalizations", "pooling", "pre_activation",
            "shared_layers", "squeeze_excite",
        ])
    func zoo(name: String) throws {
        let model = try model("zoo/\(name).keras3.h5")
        let tensor = try fixture("images", in: "zoo/outputs.h5")
        let images = try ActivationStore(shape: [13, 10, 3], count: 8)
        tensor.values.withUnsafeBufferPointer { images.store(0..<8, $0) }
        let options = ConversionOptions(groups: .count(1))
        let plan = try model.plan(options)
        let run = try CalibrationRun(
            model.logits, parameters: model.checkpoint.parameters, plan, options,
            CalibrationOptions(epochs: 1), images: images, data: nil)
        let (fitted, report) = try run.run { _ in }
        for (last, step) in zip(report.steps, report.steps.dropFirst()) where step.kept && last.kept {
            #expect(step.agreement > last.agreement || step.outputError <= last.outputError)
        }
        let known = Set(report.norms.map(\.layer) + report.leftAlone.map(\.layer))
        #expect(Set(plan.norms.map(\.layer)).subtracting(known).isEmpty)
        if name == "shared_layers" { #expect(!report.leftAlone.isEmpty) }
        for (name, values) in try values(fitted, model) {
            #expect(!values.contains { !$0.isFinite }, "\(name)")
        }
    }

    @Test("Images that are all the same, and layers whose systems are too large, are no reason to fail")
    func degenerate() throws {
        let model = try model()
        let options = ConversionOptions(groups: .perGroup(4))
        let plan = try model.plan(options)
        let blank = try ActivationStore(shape: [28, 28, 1], count: 16)
        let zeros = [Float](repeating: 0, count: 16 * 784)
        zeros.withUnsafeBufferPointer { blank.store(0..<16, $0) }
        let run = try CalibrationRun(
            model.logits, parameters: model.parameters, plan, options, CalibrationOptions(epochs: 1),
            images: blank, data: nil)
        for values in try values(run.run { _ in }.plan, model).values {
            #expect(!values.contains { !$0.isFinite })
        }
        let (_, report) = try calibrated(model, CalibrationOptions(images: 8, epochs: 0, memory: 1 << 20))
        #expect(report.leftAlone.contains { $0.reason.contains("memory") })
        #expect(report.norms.contains { $0.filters == .closedForm })
    }

    @Test("Of more than 512 images the others are trained on, with the same result for any number of workers")
    func streamed() throws {
        let model = try model("mnist-sequential.keras3.h5")
        func run(_ images: Int, workers: Int) throws -> (values: [String: [Float]], report: CalibrationReport)
        {
            let (plan, report) = try calibrated(
                model, CalibrationOptions(images: images, epochs: 2, workers: workers))
            return (try values(plan, model), report)
        }
        let few = try run(512, workers: 2)
        #expect(few.report.streamed == nil && few.report.fitted == 448 && few.report.setAside == 64)
        let one = try run(1000, workers: 1)
        let two = try run(1000, workers: 2)
        #expect(one.report.streamed == 488 && one.report.fitted == 448 && one.report.setAside == 64)
        #expect(one.values == two.values)
        #expect(one.report.steps == two.report.steps)
        // Only the training reads them.
        #expect(one.report.steps.prefix(3) == few.report.steps.prefix(3))
        #expect(one.report.steps.dropFirst(3) != few.report.steps.dropFirst(3))
    }

    @Test("Too few images are refused, and so are images of other channels")
    func errors() throws {
        let model = try model()
        #expect(throws: CalibrationFailure.self) {
            _ = try calibrated(model, CalibrationOptions(images: 7))
        }
        let colour = try self.model("torchvision-basic.torch.h5")
        #expect(throws: DatasetError.self) {
            _ = try calibrated(colour, CalibrationOptions(images: 16))
        }
    }
}
