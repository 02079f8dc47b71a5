import Tensors

extension Augmentation {
    /// Throws where a parameter makes no sense, or not for images of this evaluated size. `file` is the split's.
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
            if case .exact(let resized) = resize {
                let fits = crop.height <= resized.height && crop.width <= resized.width
                try require(fits, file, "a crop of \(crop)", "at most \(resized), the resized image")
            }
        case .resized(let crop, let scale, let ratio):
            try require(crop.height > 0 && crop.width > 0, file, "a crop of \(crop)", "at least 1×1")
            try require(
                scale.lowerBound > 0 && scale.upperBound <= 1, file, "scale \(scale)",
                "more than 0, at most 1")
            try require(
                ratio.lowerBound > 0 && ratio.upperBound.isFinite, file, "ratio \(ratio)",
                "more than 0, finite")
        }
        guard let jitter else { return }
        for strength in [jitter.brightness, jitter.contrast, jitter.saturation] {
            try require(strength >= 0 && strength.isFinite, file, "\(jitter)", "strengths of 0 or more")
        }
        try require(0...0.5 ~= jitter.hue, file, "\(jitter)", "hue 0…0.5")
    }

    /// Throws where the images of an array cannot be drawn like this: colours and resizing are those of images in 8 bits.
    func check(
        _ images: ArrayImages, _ transform: ImageTransform, file: String
    ) throws(DatasetError) {
        let format = images.format
        var resizes = false
        switch crop {
        case .center: break
        case .padded: try require(format.extent.depth == 1, file, "volumes", "images without a random crop")
        case .random, .resized: resizes = true
        }
        guard resizes || jitter != nil else { return }
        let what = resizes ? "random crops of resized images" : "colour jitter"
        try require(
            images.holdsBytes, file, "\(images.elementName) in '\(images.name)'",
            "pixels of 0…255 as uint8 for \(what); a margin and flips take others too")
        try require(
            format.extent.depth == 1 && [1, 3].contains(format.channels), file,
            "\(format.shape) in '\(images.name)'", "images of 1 or 3 channels for \(what)")
        if case .random(_, let crop) = crop {
            let resized = transform.resizedExtent(of: format.extent)
            try require(
                transform.window(in: resized) != nil, file, "images resized to \(resized)",
                "at least the crop's \(crop)")
        }
    }

    private func require(
        _ condition: Bool, _ file: String, _ found: String, _ expected: String
    ) throws(DatasetError) {
        guard !condition else { return }
        throw .augmentationDoesNotFit(
            file: file, augmentation: description, found: found, expected: expected)
    }
}
