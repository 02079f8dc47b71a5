import Training

/// What turns gradients into steps.
public enum FineTuneOptimizer: String, Sendable, Codable, CaseIterable {
    /// Gradient descent with momentum, as PyTorch's SGD.
    case sgd
    /// AdamW with β 0.9 and 0.999.
    case adamw
}

/// How a network is fine-tuned.
package struct FineTuningOptions: Sendable, Codable, Equatable {
    /// Which parameters that are standardized filters are trained how.
    package enum Standardization: String, Sendable, Codable, CaseIterable {
        /// The standardization is a layer: gradients pass through it, and filters stay standardized.
        case layer
        /// The filters are plain weights.
        case baked
    }

    /// Images of a step.
    package var batch = 32
    /// Steps of the training.
    package var steps = 500
    /// The highest learning rate.
    package var learningRate = 0.01
    /// How the rate changes on the way.
    package var schedule = LearningRateSchedule.bit
    /// What turns gradients into steps.
    package var optimizer = FineTuneOptimizer.sgd
    /// The momentum of SGD.
    package var momentum = 0.9
    /// PyTorch's `weight_decay`.
    package var weightDecay = 0.0
    /// What is taken from the label's class and spread over all classes.
    package var labelSmoothing = 0.0
    /// α of mixup's Beta(α, α); 0 for none.
    package var mixup = 0.0
    /// The largest norm of the gradient; a longer one is scaled down. Nil for no limit.
    package var clipping: Double?
    /// What batch norms do.
    package var batchNorms = BatchNormMode.batch
    /// The share of a batch in the running statistics, as PyTorch's `momentum`.
    package var batchNormMomentum = 0.1
    /// How standardized filters are trained.
    package var standardization = Standardization.layer
    /// Decides the order of images, their augmentation and mixup.
    package var seed: UInt64 = 0

    /// BiT's settings but for the batch, which is 512 there.
    package init() {}
}

extension FineTuningOptions {
    /// The optimizer for so many values.
    func optimizer(count: Int) -> any Optimizer {
        switch optimizer {
        case .sgd: MomentumDescent(count: count, momentum: Float(momentum), decay: Float(weightDecay))
        case .adamw: Adam(count: count, decay: Float(weightDecay))
        }
    }
}
