import Foundation
import TestSupport
import Testing

@testable import Calibration
@testable import Conversion
@testable import NormConvKit

/// On the network trained on MNIST: 97.2 % with BatchNorm.
@Suite("What noise images tell of a network")
struct NoiseTests {
    private func model() throws -> Model { try Model(path: TestFiles.fixture("mnist-resnet.keras3.h5")) }

    private func measurement(_ model: Model, workers: Int = 2) throws -> NoiseMeasurement {
        try NoiseMeasurement(
            model.logits, parameters: model.parameters, imageShape: [28, 28, 1], limits: [(0, 255)], seed: 0,
            workers: workers)
    }

    @Test("An image lies between black and white, and does not depend on how many there are")
    func pixels() throws {
        let noise = FractalNoise(shape: [24, 37, 3], limits: [(-1, 1), (0, 2), (5, -5)])
        let images = try noise.images(6, seed: 4)
        for (index, value) in images.values(0..<6).enumerated() {
            let range: ClosedRange<Float> = [-1...1, 0...2, -5...5][index % 3]
            #expect(range.contains(value))
        }
        #expect(try noise.images(2, seed: 4).values(0..<2) == images.values(0..<2))
        #expect(try noise.images(2, seed: 5).values(0..<2) != images.values(0..<2))
        #expect(Set(images.values(0..<1)).count > 1000)
    }

    @Test("Neighbours are alike, pixels far apart less: power falls with the frequency")
    func spectrum() throws {
        let images = try FractalNoise(shape: [64, 64, 1], limits: [(0, 1)]).images(20, seed: 1)
        func difference(_ distance: Int) -> Double {
            var sum = 0.0
            for image in 0..<20 {
                let values = images.values(image..<image + 1)
                for row in 0..<64 {
                    for column in 0..<64 - distance {
                        let step = values[row * 64 + column + distance] - values[row * 64 + column]
                        sum += Double(step * step)
                    }
                }
            }
            return sum / Double(20 * 64 * (64 - distance))
        }
        #expect(difference(1) < 0.7 * difference(4))
        #expect(difference(4) < 0.8 * difference(16))
    }

    @Test(
        "A direction changes what filters give no more than the same step for all weights, on other noise too"
    )
    func directions() throws {
        let model = try model()
        let measured = try measurement(model).run(findsDirections: true)
        let convolution = try #require(
            model.network.nodes.compactMap { node -> Convolution? in
                if case .convolution(let own) = node.operation, own.inputs == 1 { own } else { nil }
            }.first)
        let direction = try #require(measured.directions[convolution.kernel])
        #expect(abs(direction.reduce(0, +) - 1) < 1e-9 && direction.count == convolution.filterSize)
        let others = try FractalNoise(shape: [28, 28, 1], limits: [(0, 255)]).images(20, seed: 99)
        let side = convolution.size.height
        func variance(_ weights: [Double]) -> Double {
            var values: [Double] = []
            for image in 0..<20 {
                let pixels = others.values(image..<image + 1)
                for place in 0..<28 * 28 {
                    values.append(
                        (0..<side * side).reduce(0) { sum, tap in
                            let row = place / 28 + tap / side - side / 2
                            let column = place % 28 + tap % side - side / 2
                            guard 0..<28 ~= row, 0..<28 ~= column else { return sum }
                            return sum + weights[tap] * Double(pixels[row * 28 + column])
                        })
                }
            }
            let mean = values.reduce(0, +) / Double(values.count)
            return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        }
        let uniform = [Double](repeating: 1 / Double(direction.count), count: direction.count)
        #expect(variance(direction) <= 1.02 * variance(uniform))
    }

    @Test("Images' means add up to 0 and vary less than the channel; every norm has them")
    func imageMeans() throws {
        let model = try model()
        let means = try measurement(model).run(findsDirections: false)
        #expect(means.directions.isEmpty)
        for case .batchNorm(let norm) in model.network.nodes.map(\.operation) {
            let own = try #require(means.imageMeans[norm.mean])
            #expect(own.count == 64)
            for channel in 0..<norm.channels {
                let values = own.map { $0[channel] }
                #expect(abs(values.reduce(0, +)) < 1e-6 * 64)
                #expect(values.reduce(0) { $0 + $1 * $1 } / 64 <= 1 + 1e-9)
            }
        }
    }

    @Test("What is measured is the same to the bit for any number of workers")
    func determinism() throws {
        let model = try model()
        let one = try measurement(model, workers: 1).run(findsDirections: true)
        #expect(try measurement(model, workers: 3).run(findsDirections: true) == one)
    }

    @Test("Two norms behind one convolution are measured, and the convolution is not")
    func severalNorms() throws {
        let model = try model()
        var network = model.logits
        let norm = try #require(
            network.nodes.indices.first {
                if case .batchNorm = network.nodes[$0].operation { true } else { false }
            })
        // The second norm reads the same convolution; its value is added to the end of the first stage.
        let before = network.nodes[norm].inputs[0]
        guard case .convolution(let convolution) = network.nodes[before].operation,
            case .batchNorm(var other) = network.nodes[norm].operation
        else {
            Issue.record("no convolution before the first norm")
            return
        }
        other.mean = "other.mean"
        let tensor = try #require(
            model.parameters[convolution.kernel].map { _ in
                Tensor([Float](repeating: 0, count: other.channels))
            })
        network.nodes.append(Node(layer: "other", operation: .batchNorm(other), inputs: [before]))
        network.nodes.append(
            Node(layer: "sum", operation: .add, inputs: [norm, network.nodes.count - 1]))
        network.output = network.nodes.count - 1
        let measured = try NoiseMeasurement(
            network, parameters: model.parameters.replacing(["other.mean": tensor]), imageShape: [28, 28, 1],
            limits: [(0, 255)], seed: 0, workers: 2
        ).run(findsDirections: true)
        #expect(measured.directions[convolution.kernel] == nil)
        #expect(measured.imageMeans["other.mean"] != nil)
    }

    private func top1(_ options: ConversionOptions) throws -> Double {
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        return try TestFiles.withTemporaryFolder { folder in
            try model().convert(to: folder + "/x.h5", options: options)
            return try split.evaluate(Model(path: folder + "/x.h5").run(on: split)).top1.value
        }
    }

    @Test("A steady constant keeps the accuracy of BatchNorm in one group, with and without noise")
    func steady() throws {
        for initialization in [ConversionOptions.Initialization.statistics, .noise] {
            let found = try top1(
                ConversionOptions(
                    target: .layerNorm, initialization: initialization, addsBias: true, steadiness: 16))
            #expect(found >= 0.945, "\(initialization)")
        }
    }

    /// One group whose variance hardly varies is BatchNorm with fixed statistics, but for the mean that it takes away.
    @Test("The outputs come nearer to BatchNorm's as the constant grows")
    func height() throws {
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        let model = try model()
        let images = try images(24, of: split, .raw)
        let expected = try logits(model, images, .reference)
        let errors = try [0.0, 1, 8].map { height in
            try TestFiles.withTemporaryFolder { folder in
                try model.convert(
                    to: folder + "/x.h5",
                    options: ConversionOptions(target: .layerNorm, addsBias: true, steadiness: height))
                let found = try logits(Model(path: folder + "/x.h5"), images, .reference)
                return zip(found.values, expected.values).reduce(0.0) {
                    $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
                }
            }
        }
        #expect(errors[1] < errors[0] && errors[2] < 0.5 * errors[0], "\(errors)")
    }

    @Test("Biases of a steady constant have no sum over a group, in groups of two too")
    func balance() throws {
        let options = ConversionOptions(
            groups: .perGroup(2), initialization: .noise, weightStandardization: .off, addsBias: true,
            steadiness: 100)
        let model = try model()
        let plan = try model.plan(options)
        var checked = 0
        for layer in plan.biasedConvolutions {
            let node = try #require(plan.network.nodes.first { $0.layer == layer })
            guard case .convolution(let convolution) = node.operation, let bias = convolution.bias,
                case .insert(let tensor, _, _)? = plan.edits[bias]
            else { continue }
            // 100 deviations are far more than the old means: one channel of each pair is above, one below.
            for pair in stride(from: 0, to: tensor.values.count, by: 2)
            where abs(tensor.values[pair]) > 1e-3 {
                #expect(tensor.values[pair] * tensor.values[pair + 1] < 0)
                checked += 1
            }
        }
        #expect(checked > 0)
    }

    @Test("Signs and sizes of filters are undone by the norms behind them")
    func turned() throws {
        let options = ConversionOptions(
            groups: .perGroup(8), initialization: .noise, weightStandardization: .off)
        #expect(try top1(options) >= 0.9)
        let model = try model()
        let plan = try model.plan(options)
        var turned = 0
        for case .convolution(let convolution) in plan.network.nodes.map(\.operation) {
            guard case .replace(let change)? = plan.edits[convolution.kernel] else { continue }
            let old = try #require(model.parameters[convolution.kernel]).read()
            let new = try change(old)
            // Each filter is the old one times one number.
            for output in 0..<convolution.outputs {
                let places = stride(from: output, to: old.values.count, by: convolution.outputs)
                let largest = try #require(places.max { abs(old.values[$0]) < abs(old.values[$1]) })
                let factor = new.values[largest] / old.values[largest]
                if factor < 0 { turned += 1 }
                for place in places {
                    #expect(abs(new.values[place] - factor * old.values[place]) <= 1e-5 * abs(factor))
                }
            }
        }
        #expect(turned > 0)
    }

    @Test("A network that is not computed is refused by name")
    func refused() throws {
        let model = try Model(path: TestFiles.fixture("mnist-sequential.weights.h5"))
        #expect { try model.plan(ConversionOptions(initialization: .noise)) } throws: {
            "\($0)".contains("--init noise") && "\($0)".contains("use --init statistics")
        }
    }

    @Test("A calibration, which would lose the constant, is refused")
    func fitOfConstant() async throws {
        let conversion = try model().converting(
            ConversionOptions(target: .layerNorm, addsBias: true, steadiness: 8))
        await #expect {
            _ = try await conversion.synthesized(SynthesisOptions(images: 8, steps: 1))
        } throws: {
            "\($0)".contains("steady constant")
        }
    }

    @Test(
        "A constant that is negative, infinite, without a bias, for single channels or standardized weights is refused",
        arguments: [
            ConversionOptions(addsBias: true, steadiness: 8),
            ConversionOptions(weightStandardization: .off, addsBias: true, steadiness: -1),
            ConversionOptions(weightStandardization: .off, addsBias: true, steadiness: .infinity),
            ConversionOptions(weightStandardization: .off, steadiness: 2),
            ConversionOptions(target: .instanceNorm, addsBias: true, steadiness: 2),
        ])
    func wrongHeight(_ options: ConversionOptions) throws {
        #expect { try model().plan(options) } throws: { "\($0)".contains("steadiness") }
    }
}
