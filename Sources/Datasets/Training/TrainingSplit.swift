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
    /// A drawn image's shape, [height, width, channels].
    package let shape: Shape
    private let images: any ImageStore

    /// Compressed arrays are read here and held in memory, up to 2 GB: images come in random order, and each would cost
    /// the inflation of its whole chunk.
    package init(
        _ split: Split, augmentation: Augmentation, preprocessing: Preprocessing, seed: UInt64
    ) throws(DatasetError) {
        (self.split, self.augmentation, self.preprocessing) = (split, augmentation, preprocessing)
        self.seed = seed
        try split.check(preprocessing)
        let size = Extent(height: split.height, width: split.width)
        try augmentation.checkParameters(evaluated: size, file: split.file)
        try split.images.check(augmentation)
        images = try split.images.inAnyOrder()
        shape =
            switch augmentation.crop {
            case .center, .padded: split.shape
            case .random(_, let size), .resized(let size, _, _): [size.height, size.width, split.channels]
            }
    }

    /// The number of images, at least one.
    package var count: Int { split.count }
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
        try images.draw(image, augmentation, using: &random, to: start, preprocessing: preprocessing)
    }

    /// One image as it is drawn in an epoch.
    package func read(_ image: Int, epoch: Int) throws -> [Float] {
        try [Float](unsafeUninitializedCapacity: shape.count) { buffer, count in
            try read(image, epoch: epoch, into: buffer)
            count = shape.count
        }
    }
}

extension Split {
    /// The size of the first image before it is resized, by which BiT-HyperRule chooses; image files may differ.
    package func originalSize() throws(DatasetError) -> Extent {
        guard let images = images as? FileImages else { return Extent(height: height, width: width) }
        var whole = images.transform
        whole.decodesReduced = false
        return try imageResult { () throws(ImageError) in
            try ImageFile(path: images.files[0]).decoded(for: whole).extent
        }
    }
}
