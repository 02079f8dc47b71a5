import Foundation
import Synchronization
import Tensors

/// Images of one size, with labels or without; read in pieces from any thread.
///
/// A split is recognized by content or name. It is one of
/// - an HDF5, npz or npy file: uint8, or other integers and floats on a `PixelScale`. Arrays are found by names that say what
///   they hold (`images`, `x`, `data`; `labels`, `y`, `targets`) and of which part (`test_images`, `x_val`, `train/images`);
///   of several parts the test part is taken. An HDF5 file may name the classes in the root attribute `class_names`;
/// - CIFAR-10's or CIFAR-100's binary files, one of them or the folder with the test file;
/// - MNIST's IDX file of images, plain or gzipped, in one folder with that of the labels, or the folder with the test files;
/// - a folder with a folder of image files for each class, or with a `metadata.csv` or `metadata.jsonl` that lists them;
/// - a text or CSV file (`.txt`, `.csv`, `.tsv`, `.lst`) that lists image files and labels.
///
/// Arrays may hold steps in time or volumes instead of images, where a network takes these.
public struct Split: Sendable {
    /// The path of the file or folder, for errors.
    public let file: String
    /// The number of images, at least one.
    public var count: Int { images.format.count }
    /// Rows of an image.
    public var height: Int { images.format.extent.height }
    /// Columns of an image.
    public var width: Int { images.format.extent.width }
    /// Colours of an image.
    public var channels: Int { images.format.channels }
    /// An image's shape: [height, width, channels], or [depth, height, width, channels] of a volume. Steps are an image of
    /// one row.
    package var shape: Shape { images.format.shape }
    /// The class of each image, 0 or more; nil if there are no labels.
    public let labels: [Int]?
    /// The names of the classes, in the order of the labels.
    public let classNames: [String]?
    /// The number of classes, if nothing maps them to outputs; then a network must have as many. Nil if labels are output
    /// indices or names of outputs.
    public let unplacedClasses: Int?
    /// The source of the labels and how they map to classes; nil without labels.
    package let labelReading: LabelReading?
    /// Image files that were left out because they cannot be read.
    package let broken: [BrokenImage]

    /// What names alone decided, for people to check: which of several parts was taken.
    package let assumptions: [String]

    let images: any ImageStore

    /// What names and values alone decided under some preprocessings: `raw` leaves values on any scale.
    package func assumptions(under preprocessings: [Preprocessing]) -> [String] {
        let raw = preprocessings.contains(.raw) ? (images as? ArrayImages)?.rawAssumptions : nil
        return assumptions + (raw ?? [])
    }

    /// An image file that cannot be read.
    package struct BrokenImage: Sendable, Equatable, Codable {
        /// The file.
        package let file: String
        /// The reason.
        package let reason: String
    }

    /// Opens a split. Existing labels are always checked.
    ///
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - sources: which arrays or folders, where names do not say it.
    ///   - form: what the rows of an array are to the network.
    ///   - layout: the order of dimensions in arrays; needed if the channels are not recognized by being 1 or 3.
    ///   - scale: the range of array images that are not uint8.
    ///   - channels: 1 to read array images as grey, 3 as colour; nil for what they are.
    ///   - requiresLabels: whether images without labels are refused.
    ///   - transform: how image files are resized; ignored for arrays.
    ///   - classes: the output of each class name; nil for the split's own order, which is sorted for folders and lists of
    ///     names.
    package init(
        path: String, sources: SplitSources = SplitSources(), form: ArrayForm = .images,
        layout: ImageLayout? = nil,
        scale: PixelScale = .bytes, channels: Int? = nil, requiresLabels: Bool = true,
        transform: ImageTransform = .torch, classes: ClassIndices? = nil
    ) throws(DatasetError) {
        if let listing = try ImageListing(path: path, requiresLabels: requiresLabels, sources: sources) {
            try sources.checkFiles(path, scale: scale, channels: channels)
            self.init(
                file: path, labels: try listing.resolvedLabels(classes), from: listing.labelSource,
                images: FileImages(files: listing.files, transform: transform, source: path),
                assumptions: listing.assumptions)
            return
        }
        guard sources.imageRoot == nil else {
            throw .optionDoesNotFit(
                file: path, option: "--image-root", found: "a file of arrays",
                expected: "a list of image files")
        }
        let contents = try SplitFile(path: path, sources: sources)
        let images = try ArrayImages(
            contents.images, as: form, layout: layout, scale: scale, channels: channels, file: path)
        let labels = try contents.classLabels(images: images.format.count, requiresLabels: requiresLabels)
        self.init(
            file: path, labels: try labels?.resolved(by: classes, in: path), from: contents.labelSource,
            images: images, assumptions: contents.assumptions + images.assumptions)
    }

    private init(
        file: String, labels: ClassLabels.Resolved?, from source: String, images: any ImageStore,
        assumptions: [String]
    ) {
        self.assumptions = assumptions
        (self.file, self.labels, classNames) = (file, labels?.labels, labels?.names)
        (unplacedClasses, self.images, broken) = (labels?.unplaced, images, [])
        labelReading = labels.map { LabelReading(source: source, order: $0.order) }
    }

    /// A split with some of its images left out.
    private init(_ split: Split, keeping kept: [Int], of all: FileImages, without broken: [BrokenImage]) {
        (file, classNames, assumptions) = (split.file, split.classNames, split.assumptions)
        labels = split.labels.map { labels in kept.map { labels[$0] } }
        (unplacedClasses, labelReading) = (split.unplacedClasses, split.labelReading)
        self.broken = split.broken + broken
        images = FileImages(
            files: FilePaths(kept.lazy.map { all.files[$0] }), transform: all.transform, source: all.source)
    }

    /// The values of black and white pixels; for float images on an unknown scale, the smallest and the largest value.
    public var blackToWhite: ClosedRange<Float> { images.blackToWhite }

    /// The path of each image, if images are separate files.
    package var files: FilePaths? { (images as? FileImages)?.files }

    /// How image files are resized; nil for arrays.
    package var transform: ImageTransform? { (images as? FileImages)?.transform }

    /// The split without image files that cannot be read. Decodes all files once to find them, on all cores. `progress`
    /// receives the number of images done since the last call, from any thread. Throws if no image is left.
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

    /// Checks that a preprocessing fits the images: the number of channels and, for floats, the values of the first
    /// images.
    package func check(_ preprocessing: Preprocessing) throws(DatasetError) {
        try images.check(preprocessing)
    }

    /// Writes images as Float32, [images, *shape], to memory with room for `range.count` of them. Safe from several
    /// threads at once.
    package func read(
        _ range: Range<Int>, into target: UnsafeMutableBufferPointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError) {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw .rangeOutOfBounds(file: file, found: range, count: count)
        }
        precondition(target.count >= range.count * images.format.size, "The images do not fit the buffer.")
        try check(preprocessing)
        guard let start = target.baseAddress else { return }
        try images.read(range, into: start, preprocessing: preprocessing)
    }

    /// Images as Float32 values, [images, height, width, channels].
    package func read(_ range: Range<Int>, preprocessing: Preprocessing) throws(DatasetError) -> [Float] {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw .rangeOutOfBounds(file: file, found: range, count: count)
        }
        var failure: DatasetError?
        let size = range.count * images.format.size
        let values = [Float](unsafeUninitializedCapacity: size) { buffer, initialized in
            do throws(DatasetError) {
                try read(range, into: buffer, preprocessing: preprocessing)
                initialized = size
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return values
    }
}

extension SplitSources {
    /// Throws where something was said about arrays and the images are files.
    fileprivate func checkFiles(
        _ path: String, scale: PixelScale, channels: Int?
    ) throws(DatasetError) {
        let option: String? =
            if images != nil {
                "--images NAME"
            } else if labels != nil || labelsFile != nil {
                "--labels"
            } else if channels != nil {
                "--channels"
            } else {
                scale.factor == nil ? nil : "--scale FACTOR"
            }
        guard let option else { return }
        throw .optionDoesNotFit(
            file: path, option: option, found: "image files, which are read as the network takes them",
            expected: "arrays")
    }
}
