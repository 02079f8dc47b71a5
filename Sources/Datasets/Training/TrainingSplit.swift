import Tensors

/// The images of a training: a split, and how its images are drawn in each epoch.
///
/// What is drawn depends on the seed, the epoch and the image alone, not on the order of reading or on threads.
package struct TrainingSplit: Sendable {
    /// The images, with their labels and class names.
    package let split: Split
    /// How they are drawn.
    package let augmentation: Augmentation
    /// What is done to pixels then.
    package let preprocessing: Preprocessing
    /// The seed of all random numbers.
    package let seed: UInt64
    private let source: Source
    /// How files are decoded, and how large the drawn images are.
    private let transform: ImageTransform

    /// Compressed arrays are read here and held in memory, up to 2 GB; their images would be inflated in random order.
    package init(
        _ split: Split, augmentation: Augmentation, preprocessing: Preprocessing, seed: UInt64
    ) throws(DatasetError) {
        (self.split, self.augmentation, self.preprocessing) = (split, augmentation, preprocessing)
        self.seed = seed
        try split.check(preprocessing)
        try augmentation.checkParameters(
            evaluated: Extent(height: split.height, width: split.width), file: split.file)
        switch split.images {
        case let images as FileImages:
            source = .files(images.files)
            transform = augmentation.transform(from: images.transform)
        case let images as ArrayImages:
            let evaluation = ImageTransform(size: images.rasterExtent, interpolation: .bilinear)
            transform = augmentation.transform(from: evaluation)
            try augmentation.check(images, transform, file: split.file)
            source = .array(try images.inAnyOrder())
        default: preconditionFailure("unknown images")
        }
    }

    private enum Source: Sendable {
        case files(FilePaths)
        case array(ArrayImages)
    }

    /// The number of images, at least one.
    package var count: Int { split.count }
    /// A drawn image's shape, [height, width, channels].
    package var shape: Shape {
        switch augmentation.crop {
        case .center, .padded: split.shape
        case .random, .resized: [transform.crop.height, transform.crop.width, split.channels]
        }
    }
    /// The class of each image; nil without labels.
    package var labels: [Int]? { split.labels }

    /// The order of the images in an epoch: all of them once, shuffled.
    package func order(epoch: Int) -> [Int] {
        var random = SplitMix64(seed: seed, epoch: epoch, image: -1)
        return Array(0..<count).shuffled(using: &random)
    }

    /// Writes one image as it is drawn in an epoch to memory with room for `shape`. Safe from several threads at once.
    package func read(
        _ image: Int, epoch: Int, into target: UnsafeMutableBufferPointer<Float>
    ) throws(DatasetError) {
        guard 0..<count ~= image else {
            throw .rangeOutOfBounds(file: split.file, found: image..<image + 1, count: count)
        }
        precondition(target.count >= shape.count, "The image does not fit the buffer.")
        guard let start = target.baseAddress else { return }
        var random = SplitMix64(seed: seed, epoch: epoch, image: image)
        switch source {
        case .files(let files):
            let path = files[image]
            let drawn = try imageResult { () throws(ImageError) in
                let image = try ImageFile(path: path).decoded(for: transform)
                let view = try augmentation.view(of: image.extent, transform, file: path, using: &random)
                return image.drawn(view, transform.interpolation)
            }
            drawn.write(to: start, preprocessing, .bytes)
        case .array(let images): try read(image, of: images, to: start, using: &random)
        }
    }

    /// One image as it is drawn in an epoch.
    package func read(_ image: Int, epoch: Int) throws -> [Float] {
        try [Float](unsafeUninitializedCapacity: shape.count) { buffer, count in
            try read(image, epoch: epoch, into: buffer)
            count = shape.count
        }
    }

    private func read(
        _ index: Int, of images: ArrayImages, to target: UnsafeMutablePointer<Float>,
        using random: inout SplitMix64
    ) throws(DatasetError) {
        // The crop fits: that was checked when this was made.
        let view = try imageResult { () throws(ImageError) in
            try augmentation.view(of: images.rasterExtent, transform, file: split.file, using: &random)
        }
        let image: ArrayImages.Image =
            switch try images.image(index) {
            case .bytes(let image): .bytes(image.drawn(view, transform.interpolation))
            case .floats(let image): .floats(image.placed(view))
            }
        try images.write(image, index, to: target, preprocessing)
    }
}
