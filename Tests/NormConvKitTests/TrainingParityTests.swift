import FineTuning
import Foundation
import TestSupport
import Testing
import Training

@testable import NormConvKit

/// Twenty steps with PyTorch in double precision (`make_training_fixtures.py`): losses within 1e-4 of themselves, parameters and
/// running statistics within 1e-4 of their norms.
@Suite("Training is PyTorch's, step by step")
struct TrainingParityTests {
    struct Case: Decodable {
        struct Options: Decodable {
            var norm: String
            var optimizer: FineTuneOptimizer
            var rate: Double
            var momentum: Double?
            var decay: Double
            var smoothing: Double?
            var weights: [Double]?
            var clipping: Double?
        }
        struct Summary: Decodable {
            var norm: Double
            var places: [Int]
            var values: [Double]
        }
        var options: Options
        var losses: [Double]
        var parameters: [String: Summary]
    }

    private static let names = [
        "bn-batch sgd", "bn-batch adamw", "bn-running sgd", "bn-frozen sgd", "gn sgd", "gn adamw",
        "gn-ws sgd",
        "gn-ws adamw", "smoothing, class weights, clipping",
    ]

    private func cases() throws -> [String: Case] {
        let file = URL(fileURLWithPath: TestFiles.fixture("training.json"))
        return try JSONDecoder().decode([String: Case].self, from: Data(contentsOf: file))
    }

    @Test("All cases of the fixture are tested")
    func allCases() throws { #expect(try cases().keys.sorted() == Self.names.sorted()) }

    @Test("Losses and parameters", arguments: names)
    func steps(name: String) throws {
        let example = try #require(try cases()[name])
        let model = try Model(path: TestFiles.fixture("torchvision-basic.torch.h5"))
        let images = try Self.preprocessed(fixture("torchvision/images", in: "reference-outputs.h5"))
        let tuner = try Self.tuner(example.options, model, images, steps: example.losses.count)
        for (step, expected) in example.losses.enumerated() {
            let found = try tuner.step(images.values, labels: Array(0..<8)).loss
            #expect(abs(found - expected) <= 1e-4 * expected, "step \(step): \(found), expected \(expected)")
        }
        let tensors = tuner.tensors
        for (parameter, expected) in example.parameters {
            let isFrozen = example.options.norm == "frozen" || parameter.contains("running")
            guard let tensor = tensors[parameter] else {
                #expect(isFrozen && example.options.norm != "batch", "\(parameter) is not trained")
                continue
            }
            let found = tensor.values.map(Double.init)
            let norm = found.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(abs(norm - expected.norm) <= 1e-4 * expected.norm, "\(parameter)")
            for (place, value) in zip(expected.places, expected.values) {
                #expect(abs(found[place] - value) <= 1e-4 * expected.norm, "\(parameter)[\(place)]")
            }
        }
    }

    private static func preprocessed(_ images: Tensor) -> Tensor {
        let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        var result = images
        for index in result.values.indices {
            result.values[index] = Float(
                (Double(images.values[index]) / 255 - mean[index % 3]) / deviation[index % 3])
        }
        return result
    }

    private static func tuner(
        _ options: Case.Options, _ model: Model, _ images: Tensor, steps: Int
    ) throws -> FineTuner {
        var network = model.logits
        if options.norm.hasPrefix("group") {
            for (index, node) in network.nodes.enumerated() {
                guard case .batchNorm(let norm) = node.operation else { continue }
                network.nodes[index].operation = .groupNorm(
                    GroupNorm(
                        gamma: norm.gamma, beta: norm.beta, groups: 2, epsilon: 1e-5, channels: norm.channels)
                )
            }
        }
        let kernels = network.nodes.compactMap { node -> String? in
            if case .convolution(let convolution) = node.operation { convolution.kernel } else { nil }
        }
        var training = FineTuningOptions()
        (training.batch, training.steps, training.schedule) = (8, steps, .constant)
        (training.optimizer, training.learningRate) = (options.optimizer, options.rate)
        (training.momentum, training.weightDecay) = (options.momentum ?? 0, options.decay)
        (training.labelSmoothing, training.clipping) = (options.smoothing ?? 0, options.clipping)
        training.batchNorms = BatchNormMode(rawValue: options.norm) ?? .frozen
        return try FineTuner(
            network, parameters: model.parameters,
            imageShape: Shape(Array(images.shape.extents.dropFirst())),
            standardized: options.norm == "group-ws" ? Set(kernels) : [], classWeights: options.weights,
            options: training, workers: 2)
    }
}
