import Tensors

extension Augmentation {
    /// Throws where a parameter makes no sense, or not for images of this size in an evaluation. `file` is the split's.
    func checkParameters(evaluated size: Extent, file: String) throws(DatasetError) {
        switch crop {
        case .center: break
        case .padded(let margin):
            try require(margin >= 0, file, "a margin of \(margin)", "0 or more")
            // From there on nothing of the image could be left.
            let fits = margin < min(size.height, size.width)
            try require(fits, file, "images of \(size)", "a margin smaller than their sides")
        case .random(let resize, let crop):
            try require(crop.height > 0 && crop.width > 0, file, "a crop of \(crop)", "at least 1×1")
            guard case .exact(let resized) = resize else { break }
            let fits = crop.height <= resized.height && crop.width <= resized.width
            try require(fits, file, "a crop of \(crop)", "at most \(resized), the resized image")
        case .resized(let crop, let scale, let ratio):
            try require(crop.height > 0 && crop.width > 0, file, "a crop of \(crop)", "at least 1×1")
            let isShare = scale.lowerBound > 0 && scale.upperBound <= 1
            try require(isShare, file, "scale \(scale)", "more than 0, at most 1")
            let isRatio = ratio.lowerBound > 0 && ratio.upperBound.isFinite
            try require(isRatio, file, "ratio \(ratio)", "more than 0, finite")
        }
        guard let jitter else { return }
        let strengths = [jitter.brightness, jitter.contrast, jitter.saturation]
        let arePositive = strengths.allSatisfy { $0 >= 0 && $0.isFinite }
        try require(arePositive, file, "\(jitter)", "strengths of 0 or more")
        try require(0...0.5 ~= jitter.hue, file, "\(jitter)", "hue 0…0.5")
    }

    /// Throws unless a condition holds.
    func require(
        _ condition: Bool, _ file: String, _ found: String, _ expected: String
    ) throws(DatasetError) {
        guard !condition else { return }
        throw .augmentationDoesNotFit(
            file: file, augmentation: description, found: found, expected: expected)
    }
}
