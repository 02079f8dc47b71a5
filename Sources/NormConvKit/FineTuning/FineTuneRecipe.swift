import Datasets
import FineTuning
import Tensors

/// What decides of a training where nothing is given.
package enum FineTuneRecipe: String, Sendable, CaseIterable {
    /// BiT-HyperRule (Kolesnikov et al. 2020).
    case bit
    /// A cosine, and random resized crops.
    case plain

    /// How the rate changes.
    package var schedule: LearningRateSchedule { self == .bit ? .bit : .cosine }

    /// α of mixup for so many training images.
    package func mixup(images: Int) -> Double { self == .bit ? HyperRule.mixup(images: images) : 0 }
}

/// How training images are cropped.
package enum AugmentationRule: String, Sendable, CaseIterable {
    /// The recipe's for image files; `mirror` for arrays.
    case auto
    /// Resized, then cropped at random, in BiT's proportions: 160 for 128 where originals have less area than 96×96, else 512
    /// for 480.
    case bit
    /// A random part, resized.
    case imagenet
    /// Cropped at random with a black margin of an eighth.
    case cifar
    /// The same with a margin that mirrors the image. Black pixels change the mean and the variance of an image, which
    /// group norms divide by: networks with group norms learn worse from them.
    case mirror
    /// As for evaluation, without flips.
    case none

    /// What that is for a split, whose images are evaluated at their size.
    package func augmentation(for split: Split, _ recipe: FineTuneRecipe) throws -> Augmentation {
        let size = Extent(height: split.height, width: split.width)
        switch self {
        case .none: return .none
        case .imagenet: return .imageNet(size)
        case .cifar, .mirror:
            // Less than the shorter side: something of the image is left.
            let side = min(size.height, size.width)
            let margin = min(max(side / 8, 1), side - 1)
            return Augmentation(crop: .padded(margin: margin, isMirrored: self == .mirror), flips: true)
        case .bit:
            let original = try split.originalSize()
            let isSmall = original.height * original.width < 96 * 96
            func resized(_ side: Int) -> Int { isSmall ? side * 5 / 4 : (side * 16 + 14) / 15 }
            let larger = Extent(height: resized(size.height), width: resized(size.width))
            return Augmentation(crop: .random(resize: .exact(larger), size: size), flips: true)
        case .auto:
            let rule: AugmentationRule = split.files == nil ? .mirror : recipe == .bit ? .bit : .imagenet
            return try rule.augmentation(for: split, recipe)
        }
    }
}

/// A setting that makes no sense.
package struct FineTuneOptionError: Error, Equatable, CustomStringConvertible {
    /// The setting.
    package var option: String
    package var found: String
    package var expected: String

    /// The message in one line.
    package var description: String { "\(option): found \(found), expected \(expected)" }
}

extension FineTuneOptions {
    /// The same with what the recipe decides for these training images.
    ///
    /// Throws `FineTuneOptionError`, `DatasetError`.
    package func settled(for split: Split) throws -> FineTuneOptions {
        try check()
        var options = self
        options.training.schedule = recipe.schedule
        options.training.mixup = mixup ?? recipe.mixup(images: split.count)
        let passes = epochs.map { Int(($0 * Double(max(split.count / batch, 1))).rounded()) }
        options.training.steps =
            steps ?? passes.map { max($0, 1) } ?? HyperRule.steps(images: split.count, batch: batch)
        options.augmentation = try augmentationRule.augmentation(for: split, recipe)
        if !flips { options.augmentation.flips = false }
        options.augmentation.jitter = jitter
        return options
    }

    /// Throws where a setting makes no sense.
    private func check() throws {
        func require(
            _ isGood: Bool, _ option: String, _ found: any CustomStringConvertible, _ expected: String
        ) throws {
            guard isGood else {
                throw FineTuneOptionError(option: option, found: "\(found)", expected: expected)
            }
        }
        let atLeastOne = "1 or more"
        try require(batch >= 1, "batch", batch, atLeastOne)
        if let steps { try require(steps >= 1, "steps", steps, atLeastOne) }
        // Beyond 2³¹ the steps could be no number.
        if let epochs { try require(epochs > 0 && epochs < 0x1p31, "epochs", epochs, "more than 0") }
        if let learningRate {
            try require(
                learningRate > 0 && learningRate.isFinite, "learningRate", learningRate, "more than 0")
        }
        try require((0..<1).contains(momentum), "momentum", momentum, "0 to below 1")
        try require((0..<1).contains(labelSmoothing), "labelSmoothing", labelSmoothing, "0 to below 1")
        for (name, value) in [("weightDecay", weightDecay), ("mixup", mixup ?? 0)] {
            try require(value >= 0 && value.isFinite, name, value, "0 or more")
        }
        if let clipping {
            try require(clipping > 0 && clipping.isFinite, "clipping", clipping, "more than 0")
        }
        if let patience { try require(patience >= 1, "patience", patience, atLeastOne) }
        if let imagesAtOnce { try require(imagesAtOnce >= 1, "imagesAtOnce", imagesAtOnce, atLeastOne) }
        try require(workers >= 1, "workers", workers, atLeastOne)
    }
}
