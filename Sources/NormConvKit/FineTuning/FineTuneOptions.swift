import Datasets
import FineTuning

/// What is fine-tuned, and how.
package struct FineTuneOptions: Sendable {
    /// The steps; the batch norms' mode; the seed.
    package var training = FineTuningOptions()
    /// Whether the learning rate is searched for.
    package var searchesRate = true
    /// Whether the network keeps its head, instead of one of zeros for the classes of the images.
    package var keepsHead = false
    /// Patterns of parameters that stay as they are: `*` stands for anything, and a name without it for all that begins with it.
    package var frozen: [String] = []
    /// How classes count.
    package var classWeights = ClassWeights.equal
    /// How images are drawn.
    package var augmentation = Augmentation.none
    /// What is done to pixels; nil for what goes with the network.
    package var preprocessing: Preprocessing?
    /// The most rounds of validation.
    package var mostRounds = 20
    /// Rounds without a better one, behind which the training ends.
    package var patience: Int?
    /// Which parameters are written.
    package var keeps = Keeps.best
    /// Threads; the result does not depend on it.
    package var workers: Int
    /// Images that a thread computes at once, at most; nil for as many as fit.
    package var imagesAtOnce: Int?
    /// Bytes that the values and gradients of images may take at once.
    package var memory = 1 << 30

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

    package init(workers: Int) { self.workers = workers }
}
