import ArgumentParser
import NormConvKit

/// How a network is trained.
struct FineTuneArguments: ParsableArguments {
    @Option(
        help: """
            bit (BiT-HyperRule: SGD, the rate rises during the first fifth of the steps and falls to a tenth at 2/5, 3/5 and 4/5, or \
            from 10,000 steps on the first 500, 3/10, 6/10 and 9/10; resize, random crop, flip) or plain (the rate follows a cosine; random resized crop, flip).
            """)
    var recipe = FineTuneRecipe.bit

    @Option(help: "Images per step; 1 works.")
    var batch = 32

    @Option(
        help: """
            Images that are computed at once, to save memory. Does not change the batch. Not with --bn train, \
            which needs the whole batch.
            """)
    var microBatch: Int?

    @Option(
        help: """
            Steps of the training. Default: BiT's 500 for fewer than 20,000 images, 10,000 for fewer than 500,000, otherwise \
            20,000, but no more than 100 epochs.
            """)
    var steps: Int?

    @Option(help: "Passes over the training images, instead of --steps.")
    var epochs: Double?

    @Option(
        help: """
            The highest learning rate, or auto: a short search, in which some training images are held out. Default: auto.
            """)
    var lr = RateArgument.auto

    @Option(help: "sgd (momentum 0.9) or adamw.")
    var optimizer = FineTuneOptimizer.sgd

    @Option(help: "Momentum of sgd.")
    var momentum = 0.9

    @Option(help: "Weight decay, as in PyTorch.")
    var weightDecay = 0.0

    @Option(help: "Limit for the norm of the gradient, beyond which it is scaled down; 0 for none.")
    var clip = 1.0

    @Option(help: "Label smoothing, 0 to below 1.")
    var labelSmoothing = 0.0

    @Option(
        help:
            "Mixup with shares from Beta(ALPHA, ALPHA); 0 for none. Default: 0.1 from 20,000 images on with --recipe bit, otherwise 0."
    )
    var mixup: Double?

    @Option(help: "equal, or balanced: every class counts the same.")
    var classWeights = FineTuneOptions.ClassWeights.equal

    @Option(
        help: """
            Batch norms: train (normalize with the batch), eval (with the running statistics; gamma and beta are trained) or frozen \
            (nothing changes, as torchvision's FrozenBatchNorm2d).
            """)
    var bn = FineTuneOptions.BatchNorms.train

    @Option(help: "Share of a batch in the running statistics, as PyTorch's momentum.")
    var bnMomentum = 0.1

    @Option(
        help: """
            Standardized filters: layer (gradients pass through the standardization, filters stay standardized) or baked (plain \
            weights).
            """)
    var ws = FineTuningOptions.Standardization.layer

    @Flag(help: "Train the network's own head. Default: a new one of zeros with one output for each class.")
    var keepHead = false

    @Option(
        help: ArgumentHelp(
            """
            Parameters that stay as they are: the start of their names, with * for any characters, such as 'layer1' or '*bn*'. May \
            be repeated.
            """, valueName: "pattern"))
    var freeze: [String] = []

    @Option(
        help: """
            How training images change: auto (the recipe's; mirror for arrays), bit (resize, random crop), imagenet (random resized \
            crop), cifar (random crop with a black margin), mirror (with a margin that mirrors the image), or none. All but none \
            flip.
            """)
    var augment = AugmentationRule.auto

    @Flag(help: "Do not flip images left to right: for digits, text, or where left and right differ.")
    var noFlip = false

    @Option(
        help: ArgumentHelp(
            "Random colours: the strength for brightness, contrast and saturation, such as 0.4, or four such as 0.4:0.4:0.4:0.1 with the hue.",
            valueName: "strength"))
    var colorJitter: ColorJitter?

    @Option(help: "Random seed for the images' order, their augmentation and mixup.")
    var seed: UInt64 = 0

    func validate() throws {
        if steps != nil, epochs != nil { throw ValidationError("--steps and --epochs exclude each other.") }
        guard (1...4096).contains(batch) else { throw ValidationError("--batch must be between 1 and 4096.") }
        guard (steps ?? 1) >= 1 else { throw ValidationError("--steps must be at least 1.") }
        guard (epochs ?? 1) > 0, (epochs ?? 1).isFinite else {
            throw ValidationError("--epochs must be more than 0.")
        }
        if let microBatch {
            guard microBatch >= 1 else { throw ValidationError("--micro-batch must be at least 1.") }
        }
        guard (0..<1).contains(labelSmoothing) else {
            throw ValidationError("--label-smoothing must be 0 or more, and below 1.")
        }
        guard (0..<1).contains(momentum) else {
            throw ValidationError("--momentum must be 0 or more, and below 1.")
        }
        guard weightDecay >= 0, weightDecay.isFinite, mixup ?? 0 >= 0, (mixup ?? 0).isFinite else {
            throw ValidationError("--weight-decay and --mixup must be 0 or more.")
        }
        guard clip >= 0, clip.isFinite else { throw ValidationError("--clip must be 0 or more.") }
        guard bnMomentum > 0, bnMomentum <= 1 else {
            throw ValidationError("--bn-momentum must be more than 0, and at most 1.")
        }
    }

    /// The options, before anything is known of the images.
    var options: FineTuneOptions {
        var options = FineTuneOptions()
        options.recipe = recipe
        (options.batch, options.imagesAtOnce) = (batch, microBatch)
        (options.steps, options.epochs) = (steps, epochs)
        options.learningRate = lr.rate
        options.optimizer = optimizer
        (options.momentum, options.weightDecay) = (momentum, weightDecay)
        (options.labelSmoothing, options.mixup) = (labelSmoothing, mixup)
        options.clipping = clip > 0 ? clip : nil
        options.batchNorms = bn
        options.training.batchNormMomentum = bnMomentum
        options.training.standardization = ws
        (options.keepsHead, options.frozen) = (keepHead, freeze)
        options.classWeights = classWeights
        (options.augmentationRule, options.flips, options.jitter) = (augment, !noFlip, colorJitter)
        options.seed = seed
        return options
    }
}

/// `--lr`: a number, or `auto`.
struct RateArgument: ExpressibleByArgument {
    /// Nil for a search.
    var rate: Double?

    static let auto = RateArgument(rate: nil)

    init(rate: Double?) { self.rate = rate }

    init?(argument: String) {
        if argument == "auto" { return }
        guard let rate = Double(argument), rate > 0, rate.isFinite else { return nil }
        self.rate = rate
    }

    var defaultValueDescription: String { rate.map { "\($0)" } ?? "auto" }
}

extension ColorJitter: ExpressibleByArgument {
    /// As `--color-jitter` gives it.
    public init?(argument: String) { self.init(parsing: argument) }
}

extension FineTuneOptimizer: ExpressibleByArgument {}
extension FineTuningOptions.Standardization: ExpressibleByArgument {}
extension FineTuneOptions.ClassWeights: ExpressibleByArgument {}
extension FineTuneOptions.Keeps: ExpressibleByArgument {}
extension FineTuneOptions.BatchNorms: ExpressibleByArgument {}
extension FineTuneRecipe: ExpressibleByArgument {}
extension AugmentationRule: ExpressibleByArgument {}
