import Tensors

/// Images in an array of integers or floats.
struct ArrayImages: ImageStore {
    let format: ImageFormat
    let file: String
    let name: String
    /// The type of the elements in words, for errors.
    let elementName: String
    let scale: PixelScale
    /// Whether a factor was applied.
    private let isScaled: Bool
    var reader: BlockReader
    /// Whether all values are whole numbers of 0…255.
    let holdsBytes: Bool
    /// The smallest and largest value of the images that are read at opening; nil of bytes.
    private let extremes: ClosedRange<Float>?
    /// What their values alone decided, for people to check.
    let assumptions: [String]
    /// What their values alone decided where they reach the network as they are.
    let rawAssumptions: [String]

    /// `form` is what its rows are, `scale` the range of the values, `channels` the wanted number: 1 for grey, 3 for colour.
    init(
        _ array: any StoredArray, as form: ArrayForm = .images, layout: ImageLayout?, scale: PixelScale,
        channels: Int?, file: String
    ) throws(DatasetError) {
        guard !array.isBoolean else {
            throw .wrongImageType(file: file, object: array.name, found: array.elementName)
        }
        let stored = try ImageFormat(array, as: form, layout: layout, file: file)
        let recipe = try PixelRecipe(
            stored, channels: channels, factor: scale.factor, file: file, object: array.name)
        (format, self.file, name) = (recipe.format, file, array.name)
        elementName = array.elementName
        let isByte = array.isUInt8 && recipe.factor == nil
        // A factor has been applied when values are preprocessed.
        isScaled = recipe.factor != nil
        self.scale = isByte || recipe.factor != nil ? .bytes : scale
        reader = BlockReader(array, recipe)
        holdsBytes = isByte || !array.isFloat && recipe.factor == nil
        if !isByte, !array.isFloat, recipe.factor == nil {
            let found = try Self.byteExtremes(of: array, stored, file: file)
            extremes = found
            let range = "\(Int(found.lowerBound))…\(Int(found.upperBound))"
            assumptions = ["'\(array.name)', \(array.elementName) of \(range), are pixels of 0…255"]
            rawAssumptions = []
        } else {
            let found = isByte ? nil : try Self.extremes(reader, count: format.count, bytes: 16 << 20)
            extremes = found
            // Preprocessings other than `raw` refuse them.
            let isUnit = scale == .bytes && found.map { $0.lowerBound >= 0 && $0.upperBound <= 1 } ?? false
            assumptions = []
            rawAssumptions =
                isUnit
                ? [
                    "'\(array.name)', floats of 0…1, are what the network takes, as --scale unit says; otherwise add "
                        + "--scale 255"
                ] : []
        }
    }

    /// The range of integers of which nothing says what white is: all have to be values of a byte, and more than 0 and 1.
    private static func byteExtremes(
        of array: any StoredArray, _ stored: ImageFormat, file: String
    ) throws(DatasetError) -> ClosedRange<Float> {
        let plain = try PixelRecipe(stored, channels: nil, factor: nil, file: file, object: array.name)
        let found = try extremes(BlockReader(array, plain), count: stored.count, bytes: .max) ?? 0...0
        guard found.lowerBound >= 0, 2...255 ~= found.upperBound else {
            throw .scaleUnknown(
                file: file, object: array.name, found: array.elementName, low: found.lowerBound,
                high: found.upperBound)
        }
        return found
    }

    /// The range of the first images, up to a number of bytes: a single image could be dark.
    private static func extremes(
        _ reader: BlockReader, count: Int, bytes: Int
    ) throws(DatasetError) -> ClosedRange<Float>? {
        var (low, high) = (Float.infinity, -Float.infinity)
        var (row, seen) = (0, 0)
        while row < count, seen < bytes {
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

    /// Whether the values fit the given scale. Interpolation takes 0…1 a little beyond both ends, which is all right where
    /// somebody said that they are of that scale; else values that reach 2 at most are no bytes. With a factor they stay below
    /// 256: 1/256 takes 65535 to 255.996.
    private func isOfScale(_ extremes: ClosedRange<Float>) -> Bool {
        if scale == .unit { return -0.5...1.5 ~= extremes.lowerBound && -0.5...1.5 ~= extremes.upperBound }
        let most = isScaled ? Float(256).nextDown : scale.range.upperBound
        return extremes.lowerBound >= 0 && extremes.upperBound <= most && extremes.upperBound > 2
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
            try check(block)
            let end = min(block.rows.upperBound, range.upperBound)
            let start = target + (row - range.lowerBound) * format.size
            converter.convert(
                block.pixels, row - block.rows.lowerBound..<end - block.rows.lowerBound, to: start)
            // Only the first images' values were compared with what the preprocessing expects.
            if case .floats = block.pixels { try check(start, row..<end, preprocessing) }
            row = end
        }
    }

    /// Checks pixels before preprocessing.
    func check(_ block: Block) throws(DatasetError) {
        guard let image = block.nonFiniteRow else { return }
        throw .nonFinitePixel(file: file, object: name, image: image)
    }

    /// Checks images after preprocessing.
    func check(
        _ values: UnsafePointer<Float>, _ images: Range<Int>, _ preprocessing: Preprocessing
    ) throws(DatasetError) {
        let values = UnsafeBufferPointer(start: values, count: images.count * format.size)
        guard let index = values.firstNonFinite else { return }
        throw .overflowingPixel(
            file: file, object: name, image: images.lowerBound + index / format.size,
            preprocessing: preprocessing.description)
    }
}
