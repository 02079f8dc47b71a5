import Tensors

/// Images in an array of uint8 or floats.
struct ArrayImages: ImageStore {
    let format: ImageFormat
    private let file: String
    private let name: String
    private let scale: PixelScale
    private let reader: BlockReader
    /// The smallest and largest value of the float images that are read at opening.
    private let extremes: ClosedRange<Float>?

    /// `scale` is the range of float images.
    init(
        _ array: any StoredArray, layout: ImageLayout?, scale: PixelScale, file: String
    ) throws(DatasetError) {
        guard array.isUInt8 || array.isFloat else {
            throw .wrongImageType(file: file, object: array.name, found: array.elementName)
        }
        format = try ImageFormat(array, layout: layout, file: file)
        (self.file, name) = (file, array.name)
        self.scale = array.isUInt8 ? .bytes : scale
        reader = BlockReader(array)
        extremes = array.isUInt8 ? nil : try Self.extremes(reader, count: format.count)
    }

    /// The range of the first images, up to 16 MiB: a single image could be dark.
    private static func extremes(
        _ reader: BlockReader, count: Int
    ) throws(DatasetError) -> ClosedRange<Float>? {
        var (low, high) = (Float.infinity, -Float.infinity)
        var (row, seen) = (0, 0)
        while row < count, seen < 16 << 20 {
            let block = try reader.block(at: row)
            guard case .floats(let values) = block.pixels else { return nil }
            for value in values { (low, high) = (min(low, value), max(high, value)) }
            row = block.rows.upperBound
            seen += values.count * MemoryLayout<Float>.size
        }
        return low <= high ? low...high : nil
    }

    /// Checks the number of channels and, for floats, the values of the first images. Values of 0…1 read as 0…255 are nearly
    /// black images, which score badly without any error.
    func check(_ preprocessing: Preprocessing) throws(DatasetError) {
        try preprocessing.check(channels: format.channels, file: file, object: name)
        guard let extremes, preprocessing != .raw, !isOfScale(extremes) else { return }
        throw .wrongScale(
            file: file, object: name, low: extremes.lowerBound, high: extremes.upperBound,
            preprocessing: preprocessing.description,
            expected: scale == .unit ? "0…1" : "0…255 (or 0…1 with --scale unit)")
    }

    /// Whether the values of float images fit the given scale.
    private func isOfScale(_ extremes: ClosedRange<Float>) -> Bool {
        scale.range.contains(extremes.lowerBound) && scale.range.contains(extremes.upperBound)
            && (scale == .unit || extremes.upperBound > 1)
    }

    /// `raw` takes values on any scale.
    var blackToWhite: ClosedRange<Float> {
        guard let extremes, !isOfScale(extremes) else { return scale.range }
        let distance = extremes.upperBound - extremes.lowerBound
        return distance > 0 && distance.isFinite ? extremes : scale.range
    }

    func read(
        _ range: Range<Int>, into target: UnsafeMutablePointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError) {
        let converter = PixelConverter(format: format, preprocessing: preprocessing, scale: scale)
        var row = range.lowerBound
        while row < range.upperBound {
            let block = try reader.block(at: row)
            if let image = block.nonFiniteRow {
                throw .nonFinitePixel(file: file, object: name, image: image)
            }
            let end = min(block.rows.upperBound, range.upperBound)
            let start = target + (row - range.lowerBound) * format.size
            converter.convert(
                block.pixels, row - block.rows.lowerBound..<end - block.rows.lowerBound, to: start)
            // Only the first images' values were compared with what the preprocessing expects.
            if case .floats = block.pixels {
                let values = UnsafeBufferPointer(start: start, count: (end - row) * format.size)
                if let index = values.firstNonFinite {
                    throw .overflowingPixel(
                        file: file, object: name, image: row + index / format.size,
                        preprocessing: preprocessing.description)
                }
            }
            row = end
        }
    }
}
