/// What stored pixels go through before preprocessing: a factor, and a change between grey and colour.
struct PixelRecipe: Sendable {
    /// The images as stored.
    let stored: ImageFormat
    /// The images as they are read.
    let format: ImageFormat
    /// What values are multiplied by to lie in 0…255; nil where they stay.
    let factor: Float?

    /// `channels` is 1 for grey, 3 for colour; nil for those of the file. Throws where these are neither.
    init(
        _ stored: ImageFormat, channels: Int?, factor: Float?, file: String, object: String
    ) throws(DatasetError) {
        self.stored = stored
        self.factor = factor
        guard let channels, channels != stored.channels else {
            format = stored
            return
        }
        guard [1, 3].contains(stored.channels), [1, 3].contains(channels) else {
            throw .channelsFixed(file: file, object: object, found: stored.channels)
        }
        format = ImageFormat(stored, channels: channels)
    }

    /// Images after the recipe.
    func applied(to pixels: Block.Pixels) -> Block.Pixels {
        switch pixels {
        case .bytes(let values): .bytes(mixed(values, PixelImage.luma))
        case .floats(let values):
            .floats(mixed(factor.map { factor in values.map { $0 * factor } } ?? values, Self.luma))
        }
    }

    /// ITU-R 601's luma, as `PixelImage.luma` without its rounding.
    private static func luma(_ red: Float, _ green: Float, _ blue: Float) -> Float {
        Float((Double(red) * 299 + Double(green) * 587 + Double(blue) * 114) / 1000)
    }

    private func mixed<Pixel>(_ values: [Pixel], _ luma: (Pixel, Pixel, Pixel) -> Pixel) -> [Pixel] {
        guard stored.channels != format.channels, stored.size > 0 else { return values }
        let area = stored.area
        // The distance of an image's pixels, and of its channels.
        let (step, plane) = stored.layout == .nhwc ? (3, 1) : (1, area)
        var mixed: [Pixel] = []
        mixed.reserveCapacity(values.count / stored.channels * format.channels)
        for image in stride(from: 0, to: values.count, by: stored.size) {
            if stored.channels == 3 {
                for pixel in stride(from: image, to: image + area * step, by: step) {
                    mixed.append(luma(values[pixel], values[pixel + plane], values[pixel + 2 * plane]))
                }
            } else if stored.layout == .nhwc {
                for value in values[image..<image + area] { mixed += [value, value, value] }
            } else {
                for _ in 0..<3 { mixed += values[image..<image + area] }
            }
        }
        return mixed
    }
}
