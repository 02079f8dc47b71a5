import Calibration
import Conversion
import Foundation
import Inference
import Networks
import NormConvKit
import Tensors

/// What the library is asked for; each gives values that are the same each time, to the bit.
enum Job: String {
    /// The calibration's sums over 4,096 positions × 576 inputs, on two threads: oneDNN's matrix product.
    case sums
    /// A factorization and its solutions, on this thread: our own kernels.
    case solve
    /// A network's outputs, on this thread.
    case engine
    /// A conversion: kernels on all cores.
    case plan
    /// A calibration with all its steps.
    case calibrate
    /// Images of a split through a network.
    case evaluate

    /// Opens what the job reads.
    func prepared(fixtures: String) throws -> () throws -> [Float] {
        let network = fixtures + "/mnist-resnet.keras3.h5"
        let images = fixtures + "/mnist-test-100.npz"
        switch self {
        case .sums: return try sums()
        case .solve: return solve
        case .engine: return try engine(Model(path: network))
        case .plan:
            let model = try Model(path: network)
            return { try Self.values(model.plan(ConversionOptions()), of: model) }
        case .calibrate:
            let (model, split) = (try Model(path: network), try Split(path: images))
            let options = ConversionOptions(groups: .perGroup(8))
            return {
                let calibrated = try model.calibrate(
                    model.plan(options), options: options, on: split, with: CalibrationOptions())
                return try Self.values(calibrated.plan, of: model)
            }
        case .evaluate:
            let (model, split) = (try Model(path: network), try Split(path: images))
            return { try model.run(on: split).logits.values }
        }
    }

    private func sums() throws -> () throws -> [Float] {
        let convolution = Convolution(
            kernel: "kernel", kernelLayout: .hwio, bias: nil, inputs: 64, outputs: 64, size: Extent(3),
            strides: Extent(1), dilation: Extent(1), groups: 1, padding: .same)
        let (inputs, targets) = (try Self.maps(seed: 1), try Self.maps(seed: 2))
        let source = MomentSource(convolution, inputs: inputs, target: MomentTarget(value: targets))
        return {
            let sums = try source.sums(images: Array(0..<Self.count), stride: 1, workers: 2)[0]
            return (sums.squares + sums.products).map(Float.init)
        }
    }

    /// Four blocks of 4,096 positions.
    private static let count = 256

    private static func maps(seed: UInt64) throws -> ActivationStore {
        let store = try ActivationStore(shape: [8, 8, 64], count: count)
        random(count * store.shape.count, seed: seed).withUnsafeBufferPointer { store.store(0..<count, $0) }
        return store
    }

    private static func random(_ count: Int, seed: UInt64) -> [Float] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
    }

    private func solve() throws -> [Float] {
        let order = 400
        var matrix = [Double](repeating: 0.5, count: order * order)
        for index in 0..<order { matrix[index * order + index] = Double(index + 1) }
        let system = try SymmetricSystem(matrix, order: order)
        return system.solve([Double](repeating: 1, count: order * 64)).map(Float.init)
    }

    private func engine(_ model: Model) throws -> () throws -> [Float] {
        let shape: Shape = [28, 28, 1]
        let engine = try model.engine(imageShape: shape, workers: 1)
        let count = engine.batchSize
        let images = Self.random(count * shape.count, seed: 3)
        let worker = try engine.makeWorker()
        return {
            var outputs = [Float](repeating: 0, count: count * engine.outputCount)
            try images.withUnsafeBufferPointer { images in
                try outputs.withUnsafeMutableBufferPointer { outputs in
                    try worker.run(images, count: count, into: outputs)
                }
            }
            return outputs
        }
    }

    /// The new parameters.
    private static func values(_ plan: ConversionPlan, of model: Model) throws -> [Float] {
        try model.checkpoint.parameters.applying(plan.edits, path: model.path).flatMap {
            try $0.read().values
        }
    }
}
