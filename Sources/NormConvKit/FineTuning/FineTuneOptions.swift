import Datasets
import FineTuning
import Foundation
import Training

/// How a network is fine-tuned: by BiT-HyperRule (Kolesnikov et al. 2020) unless something else is set.
///
/// ```swift
/// var options = FineTuneOptions.plain
/// (options.batch, options.epochs, options.batchNorms) = (4, 10, .frozen)
/// ```
public struct FineTuneOptions: Sendable {
    /// What batch norms do in training.
    public enum BatchNorms: String, Sendable, CaseIterable {
        /// They normalize with the batch, and their running statistics follow.
        case train
        /// They normalize with the running statistics; gamma and beta are trained.
        case eval
        /// Nothing of them changes, as in torchvision's `FrozenBatchNorm2d`.
        case frozen
    }

    /// What is given to the tuner; the recipe fills in the rest.
    package var training = FineTuningOptions()
    /// What decides where nothing is given.
    package var recipe = FineTuneRecipe.bit
    /// Images of a step, 1 or more.
    public var batch: Int {
        get { training.batch }
        set { training.batch = newValue }
    }
    /// Steps of the training; nil for BiT's number for so many images, or `epochs`.
    public var steps: Int?
    /// Passes over the training images, where no steps are given.
    public var epochs: Double?
    /// The highest learning rate; nil for a short search on a part of the training images.
    public var learningRate: Double? {
        get { searchesRate ? nil : training.learningRate }
        set {
            searchesRate = newValue == nil
            training.learningRate = newValue ?? training.learningRate
        }
    }
    /// What turns gradients into steps.
    public var optimizer: FineTuneOptimizer {
        get { training.optimizer }
        set { training.optimizer = newValue }
    }
    /// The momentum of SGD.
    public var momentum: Double {
        get { training.momentum }
        set { training.momentum = newValue }
    }
    /// PyTorch's `weight_decay`.
    public var weightDecay: Double {
        get { training.weightDecay }
        set { training.weightDecay = newValue }
    }
    /// What is taken from the label's class and spread over all classes, 0 to below 1.
    public var labelSmoothing: Double {
        get { training.labelSmoothing }
        set { training.labelSmoothing = newValue }
    }
    /// α of mixup's Beta(α, α), 0 for none; nil for the recipe's.
    public var mixup: Double?
    /// The largest norm of the gradient; a longer one is scaled down. Nil for no limit.
    public var clipping: Double? {
        get { training.clipping }
        set { training.clipping = newValue }
    }
    /// What batch norms do.
    public var batchNorms: BatchNorms {
        get { BatchNorms(training.batchNorms) }
        set { training.batchNorms = newValue.mode }
    }
    /// Whether filters that a conversion standardized stay so; otherwise they are trained as plain weights.
    public var keepsStandardization: Bool {
        get { training.standardization == .layer }
        set { training.standardization = newValue ? .layer : .baked }
    }
    /// Whether the network keeps its head, instead of one of zeros for the classes of the images.
    public var keepsHead = false
    /// Patterns of parameters that stay as they are: `*` stands for anything, and a name without it for all that begins with it.
    public var frozen: [String] = []
    /// Whether each class counts the same in the loss, instead of each image.
    public var balancesClasses: Bool {
        get { classWeights == .balanced }
        set { classWeights = newValue ? .balanced : .equal }
    }
    /// Whether training images are cropped at random, as the recipe does.
    public var crops: Bool {
        get { augmentationRule != .none }
        set { augmentationRule = newValue ? .auto : .none }
    }
    /// Whether half of the training images are flipped left to right.
    public var flips = true
    /// The strength of random brightness, contrast and saturation; nil for none.
    public var colorJitter: Double? {
        get { jitter?.brightness }
        set { jitter = newValue.map { ColorJitter(brightness: $0, contrast: $0, saturation: $0) } }
    }
    /// What is done to pixels; nil for what goes with the network.
    public var preprocessing: Preprocessing?
    /// Evaluations without a better one, behind which the training ends.
    public var patience: Int?
    /// Whether the last parameters are kept; otherwise those with the highest validation top-1.
    public var keepsLast: Bool {
        get { keeps == .last }
        set { keeps = newValue ? .last : .best }
    }
    /// Decides the order of images, their augmentation and mixup.
    public var seed: UInt64 {
        get { training.seed }
        set { training.seed = newValue }
    }
    /// Threads; the result does not depend on it.
    public var workers = ProcessInfo.processInfo.activeProcessorCount
    /// Images that are computed at once, at most; nil for as many as fit. Not with `BatchNorms.train`.
    public var imagesAtOnce: Int?

    /// How classes count.
    package var classWeights = ClassWeights.equal
    /// How images are cropped, where `augmentation` is to be worked out.
    package var augmentationRule = AugmentationRule.auto
    /// Random colours; nil leaves them.
    package var jitter: ColorJitter?
    /// How images are drawn.
    package var augmentation = Augmentation.none
    /// The most rounds of validation.
    package var mostRounds = 20
    /// Which parameters are written.
    package var keeps = Keeps.best
    /// Bytes that the values and gradients of images may take at once.
    package var memory = 1 << 30

    /// Whether the learning rate is searched for.
    package var searchesRate = true

    /// How classes count in the loss.
    package enum ClassWeights: String, Sendable, Codable, CaseIterable {
        /// Each image counts the same.
        case equal
        /// Each class counts the same: images / (classes · images of the class), as scikit-learn.
        case balanced
    }

    /// Which parameters are written.
    package enum Keeps: String, Sendable, Codable, CaseIterable {
        /// Those of the round with the highest top-1 on the validation images.
        case best
        /// Those behind the last step.
        case last
    }

    /// BiT-HyperRule with batches of 32 and gradients of norm 1 at most.
    public init() { training.clipping = 1 }

    /// The same on so many threads.
    package init(workers: Int) {
        self.init()
        self.workers = workers
    }

    /// The rate rises during a tenth of the steps and follows a cosine; random resized crops of image files.
    public static var plain: FineTuneOptions {
        var options = FineTuneOptions()
        options.recipe = .plain
        return options
    }
}

extension FineTuneOptions.BatchNorms {
    package init(_ mode: BatchNormMode) {
        self =
            switch mode {
            case .batch: .train
            case .running: .eval
            case .frozen: .frozen
            }
    }

    /// In the trainer's words.
    package var mode: BatchNormMode {
        switch self {
        case .train: .batch
        case .eval: .running
        case .frozen: .frozen
        }
    }
}
