/// Images of one size, with labels or without, in an HDF5 or npz file; read in pieces from any thread.
///
/// Images are `images`, `x_test`, `X` or `data`: uint8, or floats of 0…255 unless `PixelScale.unit` is asked for.
/// Their labels are `labels`, `y_test`, `y` or `targets`. An HDF5 file may name the classes in the root attribute
/// `class_names`.
public struct Split: Sendable {
    /// The file's path, as errors name it.
    public let file: String
    /// The number of images, at least one.
    public let count: Int
    /// Rows of an image.
    public let height: Int
    /// Columns of an image.
    public let width: Int
    /// Colours of an image.
    public let channels: Int
    /// The class of each image, 0 or more; nil where the file has no labels.
    public let labels: [Int]?
    /// The names of the classes, in the order of the labels.
    public let classNames: [String]?

    private let format: ImageFormat
    private let scale: PixelScale
    private let imagesName: String
    private let reader: BlockReader
    /// The extremes of float images, of those that are read at opening.
    private let extremes: ClosedRange<Float>?

    /// Opens a split. `layout` is needed where channels are neither 1 nor 3, or both ends could be channels; `scale`
    /// says what float images mean and does not matter for uint8. Labels that are there are always checked.
    public init(
        path: String, layout: ImageLayout? = nil, scale: PixelScale = .bytes, requiresLabels: Bool = true
    ) throws(DatasetError) {
        let contents = try SplitFile(path: path)
        let images = contents.images
        guard images.isUInt8 || images.isFloat else {
            throw .wrongImageType(file: path, object: images.name, found: images.elementName)
        }
        format = try ImageFormat(images, layout: layout, file: path)
        if let array = contents.labels {
            labels = try readLabels(
                array, file: path, images: format.count, classNames: contents.classNames)
        } else if requiresLabels {
            throw .noLabels(file: path, expected: contents.labelsName)
        } else {
            labels = nil
        }
        file = path
        (count, height, width, channels) = (format.count, format.height, format.width, format.channels)
        classNames = contents.classNames
        imagesName = images.name
        self.scale = images.isUInt8 ? .bytes : scale
        reader = BlockReader(images)
        extremes = images.isUInt8 ? nil : Self.extremes(try reader.block(at: 0))
    }

    private static func extremes(_ block: Block) -> ClosedRange<Float>? {
        guard case .floats(let values) = block.pixels else { return nil }
        var (low, high) = (Float.infinity, -Float.infinity)
        for value in values { (low, high) = (min(low, value), max(high, value)) }
        return low <= high ? low...high : nil
    }

    /// Checks that a preprocessing suits the images: the number of channels and, for floats, the values of the first
    /// images. Values of 0…1 read as 0…255 would be a nearly black image, which scores badly without any error.
    public func check(_ preprocessing: Preprocessing) throws(DatasetError) {
        if let expected = preprocessing.channels, expected != channels {
            throw .wrongChannels(
                file: file, object: imagesName, found: channels, preprocessing: preprocessing.description,
                expected: expected)
        }
        guard let extremes, preprocessing != .raw else { return }
        let (low, high) = (extremes.lowerBound, extremes.upperBound)
        let range = scale.range
        guard range.contains(low), range.contains(high), scale == .unit || high > 1 else {
            throw .wrongScale(
                file: file, object: imagesName, low: low, high: high,
                preprocessing: preprocessing.description,
                expected: scale == .unit ? "0…1" : "0…255 (or say that they are 0…1)")
        }
    }

    /// Writes images as Float32, [images, height, width, channels], to memory for `range.count` of them. Safe from
    /// several threads at once.
    public func read(
        _ range: Range<Int>, into target: UnsafeMutablePointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError) {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw .rangeOutOfBounds(file: file, found: range, count: count)
        }
        try check(preprocessing)
        let converter = PixelConverter(format: format, preprocessing: preprocessing, scale: scale)
        var row = range.lowerBound
        while row < range.upperBound {
            let block = try reader.block(at: row)
            if let image = block.nonFiniteRow {
                throw .nonFinitePixel(file: file, object: imagesName, image: image)
            }
            let end = min(block.rows.upperBound, range.upperBound)
            let start = target + (row - range.lowerBound) * format.size
            converter.convert(
                block.pixels, row - block.rows.lowerBound..<end - block.rows.lowerBound, to: start)
            row = end
        }
    }

    /// Images as Float32 values, [images, height, width, channels].
    public func read(_ range: Range<Int>, preprocessing: Preprocessing) throws(DatasetError) -> [Float] {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw .rangeOutOfBounds(file: file, found: range, count: count)
        }
        var failure: DatasetError?
        let size = range.count * format.size
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
