import Tensors

/// A part of an image.
struct ImageWindow: Sendable, Equatable {
    let rows: Range<Int>
    let columns: Range<Int>

    init(rows: Range<Int>, columns: Range<Int>) { (self.rows, self.columns) = (rows, columns) }

    /// All of an image.
    init(whole size: Extent) { self.init(rows: 0..<size.height, columns: 0..<size.width) }
}

/// An image, [height, width, channels].
struct Raster<Value: Sendable & Equatable>: Sendable, Equatable {
    let height: Int
    let width: Int
    let channels: Int
    var values: [Value]

    var extent: Extent { Extent(height: height, width: width) }

    /// A part of the image.
    func cropped(to window: ImageWindow) -> Raster {
        guard window != ImageWindow(whole: extent) else { return self }
        var part: [Value] = []
        part.reserveCapacity(window.rows.count * window.columns.count * channels)
        for row in window.rows {
            let start = row * width * channels
            part +=
                values[
                    start + window.columns.lowerBound * channels..<start + window.columns.upperBound
                        * channels]
        }
        return Raster(
            height: window.rows.count, width: window.columns.count, channels: channels, values: part)
    }

    /// The image with left and right exchanged.
    var mirrored: Raster {
        var turned: [Value] = []
        turned.reserveCapacity(values.count)
        for row in 0..<height {
            for column in (row * width..<(row + 1) * width).reversed() {
                for place in column * channels..<(column + 1) * channels { turned.append(values[place]) }
            }
        }
        return Raster(height: height, width: width, channels: channels, values: turned)
    }
}

extension Raster where Value: ExpressibleByIntegerLiteral {
    /// The image moved down and to the right. What comes in at the other ends is 0.
    func shifted(down: Int, right: Int) -> Raster {
        guard down != 0 || right != 0 else { return self }
        var moved = [Value](repeating: 0, count: values.count)
        let rows = max(0, down)..<max(0, down, min(height, height + down))
        let columns = max(0, right)..<max(0, right, min(width, width + right))
        let count = columns.count * channels
        for row in rows where count > 0 {
            let to = (row * width + columns.lowerBound) * channels
            let from = ((row - down) * width + columns.lowerBound - right) * channels
            moved.replaceSubrange(to..<to + count, with: values[from..<from + count])
        }
        return Raster(height: height, width: width, channels: channels, values: moved)
    }

    /// The image moved down and to the right by less than its sides. What comes in is the image, mirrored at the center of its
    /// outermost pixels, as numpy's `pad` does with mode="reflect".
    func reflected(down: Int, right: Int) -> Raster {
        guard down != 0 || right != 0 else { return self }
        func inside(_ place: Int, _ extent: Int) -> Int {
            place < 0 ? -place : place < extent ? place : 2 * (extent - 1) - place
        }
        var moved: [Value] = []
        moved.reserveCapacity(values.count)
        for row in 0..<height {
            let start = inside(row - down, height) * width
            for column in 0..<width {
                let from = (start + inside(column - right, width)) * channels
                moved += values[from..<from + channels]
            }
        }
        return Raster(height: height, width: width, channels: channels, values: moved)
    }
}

/// A decoded image: 8 bits a value.
typealias PixelImage = Raster<UInt8>

extension PixelImage {
    /// Pixels that an image may have: from there on PIL warns of a decompression bomb.
    static var mostPixels: Int { 89_478_485 }

    /// Throws where an image would have more than `mostPixels`.
    static func check(width: Int, height: Int, file: String) throws(ImageError) {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow, pixels <= mostPixels else {
            throw .tooLarge(file: file, width: width, height: height, limit: mostPixels)
        }
    }

    /// Brightness of a colour image as PIL's mode L: ITU-R 601-2's luma in 16-bit fixed point, rounded.
    var grey: PixelImage {
        guard channels == 3 else { return self }
        let luma = (0..<height * width).map { pixel in
            Self.luma(values[pixel * 3], values[pixel * 3 + 1], values[pixel * 3 + 2])
        }
        return PixelImage(height: height, width: width, channels: 1, values: luma)
    }

    /// The brightness of a colour.
    static func luma(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
        let sum = UInt32(red) * 19595 + UInt32(green) * 38470 + UInt32(blue) * 7471
        return UInt8(truncatingIfNeeded: (sum + 0x8000) >> 16)
    }
}
