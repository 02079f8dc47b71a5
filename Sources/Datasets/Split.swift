import Foundation
import Synchronization

/// Images of one size, with labels or without; read in pieces from any thread.
///
/// Told by content or name, a split is one of
/// - an HDF5 or npz file: images are `images`, `x_test`, `X` or `data`, uint8, or floats of 0…255 unless
///   `PixelScale.unit` is asked for; labels are `labels`, `y_test`, `y` or `targets`. An HDF5 file may name the classes
///   in the root attribute `class_names`;
/// - CIFAR-10's or CIFAR-100's binary files, one of them or the folder with the test file;
/// - MNIST's IDX file of images, as it is or gzipped, beside that of the labels, or the folder with the test files;
/// - a folder with a folder of JPEG or PNG files for each class;
/// - a text or CSV file (`.txt`, `.csv`, `.tsv`, `.lst`) that lists image files and labels.
public struct Split: Sendable {
    /// The path of the file or folder, as errors name it.
    public let file: String
    /// The number of images, at least one.
    public var count: Int { images.format.count }
    /// Rows of an image.
    public var height: Int { images.format.height }
    /// Columns of an image.
    public var width: Int { images.format.width }
    /// Colours of an image.
    public var channels: Int { images.format.channels }
    /// The class of each image, 0 or more; nil where there are no labels.
    public let labels: [Int]?
    /// The names of the classes, in the order of the labels.
    public let classNames: [String]?
    /// How many classes the split has, where nothing says which of a network's outputs each of them is; then a network
    /// has to have as many. Nil where numbers or names of outputs say it.
    public let unplacedClasses: Int?
    /// Where labels were found and what they mean, for people; nil without labels.
    package let labelReading: LabelReading?
    /// Image files that were left out because they cannot be read.
    package let broken: [BrokenImage]

    private let images: any ImageStore

    /// An image file that cannot be read.
    package struct BrokenImage: Sendable, Equatable, Codable {
        /// The file.
        package let file: String
        /// Why, for people.
        package let reason: String
    }

    /// Opens a split. Labels that are there are always checked.
    ///
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - layout: where channels stand in arrays; needed where they are neither 1 nor 3, or both ends could be channels.
    ///   - scale: what float images mean; does not matter for others.
    ///   - requiresLabels: whether images without labels are refused.
    ///   - transform: how image files come to one size; does not matter for arrays, which have one.
    ///   - classes: which output the name of a class is; the split's own order where it is nil, for a folder or list of
    ///     names the sorted one.
    package init(
        path: String, layout: ImageLayout? = nil, scale: PixelScale = .bytes, requiresLabels: Bool = true,
        transform: ImageTransform = .torch, classes: ClassIndices? = nil
    ) throws(DatasetError) {
        if let listing = try ImageListing(path: path, requiresLabels: requiresLabels) {
            self.init(
                file: path, labels: try listing.resolvedLabels(classes), from: listing.labelSource,
                images: FileImages(files: listing.files, transform: transform, source: path))
            return
        }
        let contents = try SplitFile(path: path)
        let images = try ArrayImages(contents.images, layout: layout, scale: scale, file: path)
        let labels = try contents.classLabels(
            images: images.format.count, requiresLabels: requiresLabels, file: path)
        if labels == nil, requiresLabels { throw .noLabels(file: path, expected: contents.labelsName) }
        self.init(
            file: path, labels: try labels?.resolved(by: classes, in: path),
            from: "array '\(contents.labelsName)'", images: images)
    }

    private init(
        file: String, labels: ClassLabels.Resolved?, from source: String, images: any ImageStore
    ) {
        (self.file, self.labels, classNames) = (file, labels?.labels, labels?.names)
        (unplacedClasses, self.images, broken) = (labels?.unplaced, images, [])
        labelReading = labels.map { LabelReading(source: source, order: $0.order) }
    }

    /// A split with some of its images left out.
    private init(_ split: Split, keeping kept: [Int], of all: FileImages, without broken: [BrokenImage]) {
        (file, classNames) = (split.file, split.classNames)
        labels = split.labels.map { labels in kept.map { labels[$0] } }
        (unplacedClasses, labelReading) = (split.unplacedClasses, split.labelReading)
        self.broken = split.broken + broken
        images = FileImages(
            files: FilePaths(kept.lazy.map { all.files[$0] }), transform: all.transform, source: all.source)
    }

    /// The values of pixels that are black and white; of float images that are on no scale known, the least and the most.
    public var blackToWhite: ClosedRange<Float> { images.blackToWhite }

    /// The path of each image, where images are files of their own.
    package var files: FilePaths? { (images as? FileImages)?.files }

    /// How image files come to one size; nil for arrays, which have one.
    package var transform: ImageTransform? { (images as? FileImages)?.transform }

    /// The split without the image files that cannot be read, which are decoded once to find them, on all cores;
    /// `progress` is told how many more are done, from any thread. Throws where none is left.
    package func withoutBrokenImages(
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(DatasetError) -> Split {
        guard let all = images as? FileImages else { return self }
        let failures = Mutex<[Int: ImageError]>([:])
        DispatchQueue.concurrentPerform(iterations: all.files.count) { index in
            do throws(ImageError) {
                _ = try ImageFile(path: all.files[index]).transformed(by: all.transform)
            } catch {
                failures.withLock { $0[index] = error }
            }
            progress(1)
        }
        let found = failures.withLock(\.self)
        guard let first = found.min(by: { $0.key < $1.key }) else { return self }
        guard found.count < all.files.count else {
            throw .allBroken(file: file, count: found.count, first: first.value)
        }
        let kept = all.files.indices.filter { found[$0] == nil }
        let broken = found.sorted { $0.key < $1.key }
            .map { BrokenImage(file: all.files[$0.key], reason: "\($0.value)") }
        return Split(self, keeping: kept, of: all, without: broken)
    }

    /// Checks that a preprocessing suits the images: the number of channels and, for floats, the values of the first
    /// images.
    package func check(_ preprocessing: Preprocessing) throws(DatasetError) {
        try images.check(preprocessing)
    }

    /// Writes images as Float32, [images, height, width, channels], to memory for `range.count` of them. Safe from
    /// several threads at once.
    package func read(
        _ range: Range<Int>, into target: UnsafeMutablePointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError) {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw .rangeOutOfBounds(file: file, found: range, count: count)
        }
        try check(preprocessing)
        try images.read(range, into: target, preprocessing: preprocessing)
    }

    /// Images as Float32 values, [images, height, width, channels].
    package func read(_ range: Range<Int>, preprocessing: Preprocessing) throws(DatasetError) -> [Float] {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw .rangeOutOfBounds(file: file, found: range, count: count)
        }
        var failure: DatasetError?
        let size = range.count * images.format.size
        let values = [Float](unsafeUninitializedCapacity: size) { buffer, initialized in
            guard let start = buffer.baseAddress else { return }
            do throws(DatasetError) {
                try read(range, into: start, preprocessing: preprocessing)
                initialized = size
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return values
    }
}
