import Calibration
import Conversion
import Datasets
import FineTuning

/// An experiment: which arms at which batch sizes, with what budget.
package struct ExperimentOptions: Sendable {
    /// The networks that are trained.
    package var arms: [ExperimentArm]
    /// The batch sizes.
    package var batchSizes: [Int]
    /// Groups of the converted networks.
    package var groups = GroupPolicy.auto
    /// Trainings of each cell.
    package var seeds = 3
    /// Images that each training sees, with repetitions; nil for twice the training images.
    package var imagesSeen: Int?
    /// What all trainings have in common: optimizer, schedule, clipping, …; batch, rate and steps are the experiment's.
    package var training: FineTuningOptions
    /// Whether the network keeps its head.
    package var keepsHead = false
    /// How images are drawn.
    package var augmentation = Augmentation.none
    /// What is done to pixels; nil for what goes with the network.
    package var preprocessing: Preprocessing?
    /// Images without labels like those that the network was trained on, for the arms that are fitted to them.
    package var source: Split?
    /// How networks are calibrated.
    package var calibration = CalibrationOptions()
    /// The configuration of a Keras network whose file holds only weights.
    package var architecture: String?
    /// What was typed, for the report.
    package var command: [String] = []
    /// Trainings at once; the result does not depend on it.
    package var workers: Int

    /// Trainings whose rate follows a cosine, with gradients of norm 1 at most.
    package init(arms: [ExperimentArm], batchSizes: [Int], workers: Int) {
        (self.arms, self.batchSizes, self.workers) = (arms, batchSizes, workers)
        training = FineTuningOptions()
        (training.schedule, training.clipping) = (.cosine, 1)
    }
}
