/// What a fine-tuning did, step by step: the source of JSON, CSV and HTML.
package struct FineTuneReport: Codable, Sendable, Equatable {
    /// The format version of this report.
    package var schemaVersion = 1
    /// The program's version.
    package var version: String
    /// The network's file.
    package var model: String
    /// The training images.
    package var data: String
    /// The validation images.
    package var validation: String
    /// The written file; nil if there is none.
    package var output: String?
    /// The number of training images.
    package var images: Int
    /// The number of validation images.
    package var validationImages: Int
    /// The size of an image as the network gets it: [height, width, channels].
    package var imageShape: [Int]
    /// The names of the classes; nil if they have none.
    package var classNames: [String]?
    /// Outputs of the network.
    package var classes: Int
    /// Whether the head is a new one.
    package var newHead: Bool
    /// How images were augmented.
    package var augmentation: String
    /// What was done to pixels.
    package var preprocess: String
    /// Numbers that were trained.
    package var parameters: Int
    /// Parameters (tensors) that were frozen.
    package var frozen: [String]
    /// Batch norms of the network.
    package var batchNorms: Int
    /// Filters that stay standardized.
    package var standardized: Int
    /// The settings.
    package var settings: Settings
    /// The search for a learning rate; nil if one was given.
    package var search: [Trial]?
    /// Every step.
    package var steps: [Step] = []
    /// Every evaluation on the validation images. The first one, at step 0, is before the training.
    package var rounds: [Round] = []
    /// The round whose parameters were kept.
    package var kept: Int?
    /// The classes at the end, on the validation images.
    package var classResults: [ClassResult] = []
    /// Why the training ended before its last step; nil if it did not.
    package var endedEarly: EarlyReason?
    /// Seconds of the training, in all sittings.
    package var seconds = 0.0

    /// Whether the network that keeps its head had a higher top-1 on the validation images before the training.
    package var isWorse: Bool {
        guard let kept, let before = rounds.first, !newHead else { return false }
        return rounds[kept].top1 < before.top1
    }

    /// How it was trained.
    package struct Settings: Codable, Sendable, Equatable {
        package var batch: Int
        package var steps: Int
        package var learningRate: Double
        package var schedule: String
        package var optimizer: String
        package var momentum: Double?
        package var weightDecay: Double
        package var labelSmoothing: Double
        package var mixup: Double
        package var clip: Double?
        package var classWeights: String
        package var batchNorms: String
        package var standardization: String
        package var seed: UInt64

        package init(
            batch: Int, steps: Int, learningRate: Double, schedule: String, optimizer: String,
            momentum: Double?,
            weightDecay: Double, labelSmoothing: Double, mixup: Double, clip: Double?, classWeights: String,
            batchNorms: String, standardization: String, seed: UInt64
        ) {
            (self.batch, self.steps, self.learningRate) = (batch, steps, learningRate)
            (self.schedule, self.optimizer, self.momentum) = (schedule, optimizer, momentum)
            (self.weightDecay, self.labelSmoothing, self.mixup) = (weightDecay, labelSmoothing, mixup)
            (self.clip, self.classWeights, self.batchNorms) = (clip, classWeights, batchNorms)
            (self.standardization, self.seed) = (standardization, seed)
        }
    }

    /// A learning rate that was tried.
    package struct Trial: Codable, Sendable, Equatable {
        package var rate: Double
        /// The loss on held-out training images; nil where it was not finite.
        package var loss: Double?

        package init(rate: Double, loss: Double?) { (self.rate, self.loss) = (rate, loss) }
    }

    /// A step.
    package struct Step: Codable, Sendable, Equatable {
        /// Counted from 1.
        package var step: Int
        /// Passes over the training images before the step.
        package var epoch: Double
        package var learningRate: Double
        /// The batch's mean loss before the step.
        package var loss: Double
        /// The share of the batch that was right.
        package var top1: Double
        /// The norm of the gradient.
        package var gradientNorm: Double

        package init(
            step: Int, epoch: Double, learningRate: Double, loss: Double, top1: Double, gradientNorm: Double
        ) {
            (self.step, self.epoch, self.learningRate) = (step, epoch, learningRate)
            (self.loss, self.top1, self.gradientNorm) = (loss, top1, gradientNorm)
        }
    }

    /// An evaluation.
    package struct Round: Codable, Sendable, Equatable {
        /// Steps before it.
        package var step: Int
        package var epoch: Double
        /// The mean loss of the steps since the last round; nil before the first.
        package var trainingLoss: Double?
        /// Their share of right images.
        package var trainingTop1: Double?
        /// The loss on the validation images; nil where an output is not finite.
        package var loss: Double?
        package var top1: Double
        /// Training images a second since the last round.
        package var imagesPerSecond: Double?

        package init(
            step: Int, epoch: Double, trainingLoss: Double?, trainingTop1: Double?, loss: Double?,
            top1: Double,
            imagesPerSecond: Double?
        ) {
            (self.step, self.epoch, self.trainingLoss) = (step, epoch, trainingLoss)
            (self.trainingTop1, self.loss, self.top1) = (trainingTop1, loss, top1)
            self.imagesPerSecond = imagesPerSecond
        }
    }

    /// A class of the validation images.
    package struct ClassResult: Codable, Sendable, Equatable {
        package var name: String
        package var images: Int
        /// Of them, those that were right.
        package var hits: Int

        package init(name: String, images: Int, hits: Int) {
            (self.name, self.images, self.hits) = (name, images, hits)
        }
    }

    /// Why a training ended early.
    package enum EarlyReason: String, Codable, Sendable {
        /// `--patience` rounds without a better one.
        case patience
        /// Ctrl-C.
        case interrupted
    }

    /// A report on a training that has not begun.
    package init(
        version: String, model: String, data: String, validation: String, images: Int, validationImages: Int,
        imageShape: [Int], classNames: [String]?, classes: Int, newHead: Bool, augmentation: String,
        preprocess: String, parameters: Int, frozen: [String], batchNorms: Int, standardized: Int,
        settings: Settings
    ) {
        (self.version, self.model, self.data, self.validation) = (version, model, data, validation)
        (self.images, self.validationImages, self.imageShape) = (images, validationImages, imageShape)
        (self.classNames, self.classes, self.newHead) = (classNames, classes, newHead)
        (self.augmentation, self.preprocess, self.parameters) = (augmentation, preprocess, parameters)
        (self.frozen, self.batchNorms, self.standardized) = (frozen, batchNorms, standardized)
        self.settings = settings
    }

    /// The steps as CSV, with the validation in the rows behind which there was one.
    package var csv: String {
        var rows = ["step,epoch,learning_rate,loss,top1,gradient_norm,validation_loss,validation_top1"]
        let rounds = Dictionary(rounds.map { ($0.step, $0) }, uniquingKeysWith: { _, last in last })
        if let first = rounds[0] {
            rows.append("0,0,,,,,\(first.loss.map { "\($0)" } ?? ""),\(first.top1)")
        }
        for step in steps {
            let round = rounds[step.step]
            rows.append(
                "\(step.step),\(step.epoch),\(step.learningRate),\(step.loss),\(step.top1),\(step.gradientNorm),"
                    + "\(round?.loss.map { "\($0)" } ?? ""),\(round.map { "\($0.top1)" } ?? "")")
        }
        return rows.joined(separator: "\n") + "\n"
    }
}
