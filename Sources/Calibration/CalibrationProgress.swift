/// The progress of a calibration.
public struct CalibrationProgress: Sendable, Equatable {
    /// What is being done: `reading` or `images`, then `outputs`, `layers` and `training`.
    public var stage: String
    /// How much of it is done.
    public var done: Int
    /// How much there is.
    public var total: Int
    /// The share of all stages' work that is done, 0…1, as far as their costs can be told before.
    public var share: Double

    /// The same where the stage is a part of something longer, of which it is the share from one place to another.
    package func within(_ part: ClosedRange<Double>) -> CalibrationProgress {
        var progress = self
        progress.share = part.lowerBound + share * (part.upperBound - part.lowerBound)
        return progress
    }

    /// Progress within a stage.
    public init(stage: String, done: Int, total: Int, share: Double) {
        self.stage = stage
        self.done = done
        self.total = total
        self.share = share
    }
}

/// The stages of a calibration in their order, and about what each costs, in passes of the network over all images:
/// measured with ResNet-8, ResNet-20 and ResNet-56 on two cores.
package struct CalibrationSchedule: Sendable {
    private let stages: [(name: String, passes: Double)]

    /// How much of a stage is done.
    package struct Step: Sendable {
        var stage: String
        var done: Int
        var total: Int

        /// `done` of `total` in a stage.
        package init(stage: String, done: Int, total: Int) {
            (self.stage, self.done, self.total) = (stage, done, total)
        }
    }

    /// The stages behind a first one, which gets the images.
    package init(_ first: String, passes: Double, budget: CalibrationBudget, epochs: Int) {
        let layers = CalibrationBudget.layerPasses(
            refinements: budget.refinements, addsMirrored: budget.addsMirrored)
        stages = [
            (first, passes), ("outputs", 3), ("layers", Double(layers)), ("training", Double(3 * epochs)),
        ]
    }

    /// How far things are in all.
    package func progress(_ step: Step) -> CalibrationProgress {
        let place = stages.firstIndex { $0.name == step.stage } ?? 0
        let all = stages.reduce(0) { $0 + $1.passes }
        let before = stages[..<place].reduce(0) { $0 + $1.passes }
        let share = step.total > 0 ? min(Double(step.done) / Double(step.total), 1) : 0
        return CalibrationProgress(
            stage: step.stage, done: step.done, total: step.total,
            share: (before + share * stages[place].passes) / all)
    }
}
