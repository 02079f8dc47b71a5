import Tensors

/// Turns stored pixels into a network's input: channels last, Float32, preprocessed.
struct PixelConverter {
    let format: ImageFormat
    let preprocessing: Preprocessing
    let scale: PixelScale

    /// Converts some images of a block.
    func convert(_ pixels: Block.Pixels, _ images: Range<Int>, to target: UnsafeMutablePointer<Float>) {
        switch pixels {
        case .bytes(let values):
            // 256 values per channel, computed once: uint8 and float images share one definition.
            let tables = (0..<format.channels).map { channel in
                (0...255).map { preprocessing.apply(Float($0), channel: channel, scale: scale) }
            }
            for channel in 0..<format.channels {
                tables[channel].withUnsafeBufferPointer { table in
                    copy(values, images, channel: channel, to: target) { table[Int($0)] }
                }
            }
        case .floats(let values):
            for channel in 0..<format.channels {
                copy(values, images, channel: channel, to: target) {
                    preprocessing.apply($0, channel: channel, scale: scale)
                }
            }
        }
    }

    @inline(__always)
    private func copy<Pixel>(
        _ values: [Pixel], _ images: Range<Int>, channel: Int, to target: UnsafeMutablePointer<Float>,
        _ convert: (Pixel) -> Float
    ) {
        let area = format.area
        let source = preprocessing.source(of: channel)
        let (step, start) = format.layout == .nhwc ? (format.channels, source) : (1, source * area)
        values.withUnsafeBufferPointer { values in
            for (position, image) in images.enumerated() {
                let from = image * format.size + start
                let to = target + position * format.size + channel
                for pixel in 0..<area { to[pixel * format.channels] = convert(values[from + pixel * step]) }
            }
        }
    }
}

extension Raster {
    /// Converts `pixels`, this image's, to Float32, [height, width, channels].
    private func write(
        _ pixels: Block.Pixels, to target: UnsafeMutablePointer<Float>, _ preprocessing: Preprocessing,
        _ scale: PixelScale
    ) {
        let format = ImageFormat(count: 1, height: height, width: width, channels: channels)
        PixelConverter(format: format, preprocessing: preprocessing, scale: scale)
            .convert(pixels, 0..<1, to: target)
    }

    /// Writes an image of bytes as Float32, [height, width, channels].
    func write(
        to target: UnsafeMutablePointer<Float>, _ preprocessing: Preprocessing, _ scale: PixelScale
    ) where Value == UInt8 {
        write(.bytes(values), to: target, preprocessing, scale)
    }

    /// Writes an image of floats as Float32, [height, width, channels].
    func write(
        to target: UnsafeMutablePointer<Float>, _ preprocessing: Preprocessing, _ scale: PixelScale
    ) where Value == Float {
        write(.floats(values), to: target, preprocessing, scale)
    }
}

/// Images of one size that are read in pieces, from any thread.
protocol ImageStore: Sendable {
    /// Their number and extents.
    var format: ImageFormat { get }

    /// The values of black and white.
    var blackToWhite: ClosedRange<Float> { get }

    /// How files are decoded and resized; what leaves an array's images as they are.
    var transform: ImageTransform { get }

    /// Checks that a preprocessing fits the images.
    func check(_ preprocessing: Preprocessing) throws(DatasetError)

    /// Writes images as Float32, [images, height, width, channels], to memory for `range.count` of them.
    func read(
        _ range: Range<Int>, into target: UnsafeMutablePointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError)

    /// Checks that an augmentation fits the images.
    func check(_ augmentation: Augmentation) throws(DatasetError)

    /// The same images, ready to be drawn in any order.
    func inAnyOrder() throws(DatasetError) -> Self

    /// Writes one image as an augmentation draws it, as Float32.
    func draw(
        _ image: Int, _ augmentation: Augmentation, using random: inout SplitMix64,
        to target: UnsafeMutablePointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError)
}
