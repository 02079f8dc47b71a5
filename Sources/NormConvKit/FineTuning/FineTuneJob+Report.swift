import FineTuning
import Inference
import Networks
import Reports
import Tensors

extension FineTuneJob {
    /// What is reported before anything is computed.
    var report: FineTuneReport {
        let training = options.training
        let norms = model.network.nodes.count { node in
            if case .batchNorm = node.operation { true } else { false }
        }
        return FineTuneReport(
            version: normconvVersion, model: model.title, data: self.training.split.file,
            validation: validation.file, images: self.training.count, validationImages: validation.count,
            imageShape: self.training.shape.extents, classNames: self.training.split.classNames,
            classes: classes, newHead: model.newHead != nil,
            augmentation: options.augmentation.description,
            preprocess: self.training.preprocessing.description, parameters: 0, frozen: frozen.sorted(),
            batchNorms: norms,
            standardized: training.standardization == .layer
                ? standardized.names.subtracting(frozen).count : 0,
            settings: FineTuneReport.Settings(
                batch: training.batch, steps: training.steps, learningRate: training.learningRate,
                schedule: training.schedule.rawValue, optimizer: training.optimizer.rawValue,
                momentum: training.optimizer == .sgd ? training.momentum : nil,
                weightDecay: training.weightDecay, labelSmoothing: training.labelSmoothing,
                mixup: training.mixup, clip: training.clipping, classWeights: options.classWeights.rawValue,
                batchNorms: norms == 0 ? "none" : training.batchNorms.rawValue,
                standardization: training.standardization.rawValue, seed: training.seed))
    }

    /// Steps between two evaluations: a pass over the images, but five to twenty rounds in all.
    var roundLength: Int {
        let steps = options.training.steps
        func share(_ rounds: Int) -> Int { (steps + rounds - 1) / rounds }
        return max(min(max(stepsPerEpoch, share(options.mostRounds)), share(5)), 1)
    }

    /// The mean cross-entropy of some training images, drawn as none of the training is.
    func loss(_ tensors: [String: Tensor], on images: [Int]) throws -> Double {
        let training = training
        let size = training.shape.count
        let source = ImageSource(count: images.count, shape: training.shape) { range, buffer in
            for (place, image) in images[range].enumerated() {
                let own = place * size..<(place + 1) * size
                try training.read(
                    image, epoch: -1, into: UnsafeMutableBufferPointer(rebasing: buffer[own]))
            }
        }
        let engine = try model(tensors).engine(imageShape: training.shape, workers: options.workers)
        let outputs = try JointRun([engine], on: [source], sourceOf: [0]).run(progress: { _ in })[0].outputs
        let entropy = CrossEntropy(classes: classes)
        var ignored = [Float](repeating: 0, count: classes)
        return outputs.withUnsafeBufferPointer { outputs in
            ignored.withUnsafeMutableBufferPointer { ignored in
                images.enumerated().reduce(0.0) { sum, image in
                    let row = UnsafeBufferPointer(
                        rebasing: outputs[image.offset * classes..<(image.offset + 1) * classes])
                    return sum
                        + entropy.add(
                            CrossEntropy.Target(labels[image.element]), row, total: Double(images.count),
                            to: ignored)
                }
            }
        }
    }
}
