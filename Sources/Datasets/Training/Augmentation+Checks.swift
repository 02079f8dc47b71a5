import Tensors

extension Augmentation {
    /// Throws where a parameter makes no sense, or not for images of this size in an evaluation. `file` is the split's.
    func checkParameters(evaluated size: Extent, file: String) throws(DatasetError) {
        switch crop {
        case .center: break
        case .padded(let margin, _):
            try require(margin >= 0, file, "a margin of \(margin)", "0 or more")
            // From there on nothing of the image could be left.
            let fits = margin < min(size.height, size.width)
            try require(fits, file, "images of \(size)", "a margin smaller than their sides")
        case .random(.shorterSide(let side), let crop):
            try check(crop, file)
            try require(1...Self.mostSide ~= side, file, "side \(side)", "1…\(Self.mostSide)")
        case .random(.exact(let resized), let crop):
            try check(crop, file)
            try check(resized, file)
            let fits = crop.height <= resized.height && crop.width <= resized.width
            try require(fits, file, "a crop of \(crop)", "at most \(resized), the resized image")
        case .resized(let crop, let scale, let ratio):
            try check(crop, file)
            let isShare = scale.lowerBound > 0 && scale.upperBound <= 1
            try require(isShare, file, "scale \(scale)", "more than 0, at most 1")
            let isRatio = ratio.lowerBound > 0 && ratio.upperBound.isFinite
            try require(isRatio, file, "ratio \(ratio)", "more than 0, finite")
        }
        guard let jitter else { return }
        let strengths = [jitter.brightness, jitter.contrast, jitter.saturation]
        // Beyond Float32 a pixel could become NaN.
        let areFactors = strengths.allSatisfy { $0 >= 0 && Float(1 + $0).isFinite }
        try require(areFactors, file, "\(jitter)", "strengths of 0 or more, finite")
        try require(0...0.5 ~= jitter.hue, file, "\(jitter)", "hue 0…0.5")
    }

    /// The longest side of a resized image.
    private static let mostSide = 16_384

    private func check(_ size: Extent, _ file: String) throws(DatasetError) {
        let sides = 1...Self.mostSide
        try require(
            sides ~= size.height && sides ~= size.width, file, "a size of \(size)",
            "sides of \(sides.lowerBound)…\(sides.upperBound)")
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
