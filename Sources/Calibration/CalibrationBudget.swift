/// How much is done by default: the less a pass over the images costs, the more passes are worth it. With ResNet-50 at
/// 224×224 and 128 images everything takes less than twelve.
package struct CalibrationBudget: Sendable {
    /// Multiply-adds of one pass over the images that are fitted to.
    let cost: Double
    /// Images that are fitted to.
    let images: Int

    /// The budget of a calibration that fits to so many images.
    package init(cost: Double, images: Int) { (self.cost, self.images) = (cost, images) }

    /// Whether mirror images are fitted to as well.
    package var addsMirrored: Bool { cost < 60e9 }
    /// What the sums for a layer's fit may cost, in units of the layer itself.
    var sampling: Double { addsMirrored ? 1 : 0.5 }
    /// Steps of each norm's refinement, of which one takes about three passes.
    package var refinements: Int { Int(min(5, 250e9 / max(cost, 1))) }
    /// How often training goes through the images, about four passes each time; few images are gone through more often.
    package var epochs: Int {
        let enough = max(60, min(90, 11_520 / max(images, 1)))
        let affordable = 600e9 / max(cost, 1)
        // Once or twice through the images does more harm than good.
        return affordable < 3 ? 0 : Int(min(Double(enough), affordable))
    }
}

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
        let times = budget.addsMirrored ? 2.0 : 1
        stages = [
            (first, passes), ("outputs", 3), ("layers", times * Double(9 + 3 * budget.refinements)),
            ("training", Double(3 * epochs)),
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
