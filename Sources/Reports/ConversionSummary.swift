/// How a network's file was converted, as its note tells.
package struct ConversionSummary: Codable, Sendable, Equatable {
    /// `gn`, `ln` or `in`; `none` where only the layout changed.
    package var to: String
    /// As the command spells it: `auto`, `32`, `size:8`, `gcd`.
    package var groups: String
    /// `statistics`, `noise` or `copy`.
    package var initialization: String
    /// `on`, `off` or `all`.
    package var weightStandardization: String
    /// How it was calibrated; absent where it was not.
    package var calibration: Calibration?
    /// Images that the statistics of batch norms were estimated anew on, before all else; absent where they were not.
    package var refreshImages: Int?
    /// How it was fine-tuned, behind all else; absent where it was not.
    package var fineTuning: FineTuning?
    /// The version of normconv that converted it.
    package var version: String

    /// The images of a calibration.
    package struct Calibration: Codable, Sendable, Equatable {
        /// Images that parameters were fitted to.
        package var images: Int
        /// Images held out to judge the steps.
        package var heldOut: Int
        /// Whether they were optimized to have the stored statistics.
        package var synthetic: Bool

        /// The images of a calibration.
        package init(images: Int, heldOut: Int, synthetic: Bool) {
            (self.images, self.heldOut, self.synthetic) = (images, heldOut, synthetic)
        }
    }

    /// A fine-tuning.
    package struct FineTuning: Codable, Sendable, Equatable {
        /// Training images.
        package var images: Int
        /// Steps, and images of each.
        package var steps: Int
        package var batch: Int
        /// `sgd` or `adamw`, and the highest learning rate.
        package var optimizer: String
        package var learningRate: Double
        /// Outputs of the head, and whether it was a new one.
        package var classes: Int
        package var newHead: Bool
        /// Top-1 on the validation images.
        package var top1: Double

        /// A fine-tuning.
        package init(
            images: Int, steps: Int, batch: Int, optimizer: String, learningRate: Double, classes: Int,
            newHead: Bool, top1: Double
        ) {
            (self.images, self.steps, self.batch) = (images, steps, batch)
            (self.optimizer, self.learningRate) = (optimizer, learningRate)
            (self.classes, self.newHead, self.top1) = (classes, newHead, top1)
        }

        /// `on 302 images, new head of 3 classes, 500 steps of batch 32, sgd, learning rate 0.003; validation top-1 96.0 %`.
        package var text: String {
            let head = "\(newHead ? "new " : "")head of \(Formatting.grouped(classes)) classes"
            return
                "on \(Formatting.grouped(images)) images, \(head), \(Formatting.counted(steps, "step")) of batch \(batch), "
                + "\(Formatting.head(optimizer, width: 24)), learning rate \(learningRate.short); validation top-1 \(Formatting.percent(top1))"
        }
    }

    /// What a note tells.
    package init(
        to: String, groups: String, initialization: String, weightStandardization: String,
        calibration: Calibration? = nil, version: String
    ) {
        (self.to, self.groups, self.initialization) = (to, groups, initialization)
        (self.weightStandardization, self.calibration) = (weightStandardization, calibration)
        self.version = version
    }

    /// One line for people: `GroupNorm with 8 channels a group, closed form, weights not standardized (normconv 0.2.0)`.
    package var text: String {
        let refresh = refreshImages.map { "statistics of batch norms from \(Formatting.grouped($0)) images" }
        let conversion = to == "none" ? [] : [target, parameters, standardization]
        let tuning = fineTuning.map { "fine-tuned on \(Formatting.grouped($0.images)) images" }
        let parts = (refresh.map { [$0] } ?? []) + conversion + (tuning.map { [$0] } ?? [])
        return (parts.isEmpty ? "layout changed only" : parts.joined(separator: ", "))
            + " (normconv \(short(version)))"
    }

    private var target: String {
        switch to {
        case "gn": "GroupNorm with \(groupText)"
        case "ln": "LayerNorm (one group)"
        case "in": "InstanceNorm (one channel a group)"
        default: "norm '\(short(to))'"
        }
    }

    private var groupText: String {
        if groups == "auto" { return "32 groups where they fit" }
        if groups == "gcd" { return "gcd(32, channels) groups" }
        if groups.hasPrefix("size:") { return "\(short(String(groups.dropFirst(5)))) channels a group" }
        if groups.hasPrefix("near:") { return "about \(short(String(groups.dropFirst(5)))) channels a group" }
        return "\(short(groups)) groups"
    }

    /// Where gamma and beta come from.
    private var parameters: String {
        if let calibration {
            let kind = calibration.synthetic ? "synthetic images" : "images"
            return "calibrated on \(Formatting.grouped(calibration.images)) \(kind), judged by "
                + "\(Formatting.grouped(calibration.heldOut)) others"
        }
        return switch initialization {
        case "statistics": "closed form"
        case "noise": "closed form and noise images"
        case "copy": "parameters copied"
        default: "initialization '\(short(initialization))'"
        }
    }

    private var standardization: String {
        switch weightStandardization {
        case "on": "weights standardized"
        case "auto": "weights standardized, except where the image is read"
        case "all": "all weights standardized"
        case "off": "weights not standardized"
        default: "weight standardization '\(short(weightStandardization))'"
        }
    }

    /// A file's text, of whatever length.
    private func short(_ text: String) -> String { Formatting.head(text, width: 24) }
}
