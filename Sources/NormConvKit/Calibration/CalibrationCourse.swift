import Inference
import Networks
import Tensors

/// A calibration under way, for people who wait.
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
struct CalibrationCourse: Sendable {
    private let stages: [(name: String, passes: Double)]

    /// How much of a stage is done.
    struct Step: Sendable {
        var stage: String
        var done: Int
        var total: Int
    }

    /// The stages behind a first one, which gets the images.
    init(_ first: String, passes: Double, effort: Effort, epochs: Int) {
        let times = effort.addsMirrored ? 2.0 : 1
        stages = [
            (first, passes), ("outputs", 3), ("layers", times * Double(9 + 3 * effort.refinements)),
            ("training", Double(3 * epochs)),
        ]
    }

    /// How far things are in all.
    func progress(_ step: Step) -> CalibrationProgress {
        let place = stages.firstIndex { $0.name == step.stage } ?? 0
        let all = stages.reduce(0) { $0 + $1.passes }
        let before = stages[..<place].reduce(0) { $0 + $1.passes }
        let share = step.total > 0 ? min(Double(step.done) / Double(step.total), 1) : 0
        return CalibrationProgress(
            stage: step.stage, done: step.done, total: step.total,
            share: (before + share * stages[place].passes) / all)
    }
}

extension Model {
    /// The course of a calibration on so many images of this size.
    func course(
        _ first: String, passes: Double, images: Int, height: Int, width: Int, epochs: Int?
    ) throws -> CalibrationCourse {
        let network = logits
        let fitted = images - images / 4
        let cost = try network.multiplyAdds(shapes: network.shapes(height: height, width: width))
        let effort = Effort(cost: cost * Double(fitted), images: fitted)
        return CalibrationCourse(first, passes: passes, effort: effort, epochs: epochs ?? effort.epochs)
    }
}
