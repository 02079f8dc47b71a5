import CKernels
import Tensors
import Threads

extension PixelImage {
    /// A window of the image after resizing, the same values as the `resize` and `crop` of Pillow 13 give: along rows and
    /// along columns, each pass rounded to 8 bits, which is why their order shows. Only what the window needs is computed.
    func resized(to size: Extent, window: ImageWindow, _ interpolation: Interpolation) -> PixelImage {
        if interpolation == .nearest { return nearest(to: size, window: window) }
        let across = Taps(from: width, to: size.width, window: window.columns, interpolation)
        let down = Taps(from: height, to: size.height, window: window.rows, interpolation)
        return withoutSignals {
            if goesDownFirst(to: size) {
                let low = resampledDown(down, columns: across.reach)
                return low.resampledAcross(across.fromReach, rows: 0..<low.height)
            }
            let narrow = resampledAcross(across, rows: down.reach)
            return narrow.resampledDown(down.fromReach, columns: 0..<narrow.width)
        }
    }

    /// Whether the height is resized before the width: since Pillow 13 where it loses pixels, and more than twice as many as
    /// the width, which may grow. Earlier versions always begin with the width.
    private func goesDownFirst(to size: Extent) -> Bool {
        let lost = height - size.height
        return lost > 0 && lost > 2 * (width - size.width)
    }

    private func resampledAcross(_ taps: Taps, rows: Range<Int>) -> PixelImage {
        let columns = taps.starts.count
        var result = [UInt8](repeating: 0, count: rows.count * columns * channels)
        values.withUnsafeBufferPointer { old in
            result.withUnsafeMutableBufferPointer { new in
                guard let old = old.baseAddress, let new = new.baseAddress else { return }
                for (place, row) in rows.enumerated() {
                    nc_resample_row(
                        old + row * width * channels, channels, taps.starts, taps.counts, taps.weights,
                        taps.stride, columns, new + place * columns * channels)
                }
            }
        }
        return PixelImage(height: rows.count, width: columns, channels: channels, values: result)
    }

    private func resampledDown(_ taps: Taps, columns: Range<Int>) -> PixelImage {
        let (rowSize, first) = (width * channels, columns.lowerBound * channels)
        let count = columns.count * channels
        var result = [UInt8](repeating: 0, count: taps.starts.count * count)
        values.withUnsafeBufferPointer { old in
            taps.weights.withUnsafeBufferPointer { weights in
                result.withUnsafeMutableBufferPointer { new in
                    guard let old = old.baseAddress, let weights = weights.baseAddress,
                        let new = new.baseAddress
                    else { return }
                    for row in taps.starts.indices {
                        nc_blend_rows(
                            old + Int(taps.starts[row]) * rowSize + first, rowSize,
                            weights + row * taps.stride, Int(taps.counts[row]), new + row * count, count)
                    }
                }
            }
        }
        return PixelImage(
            height: taps.starts.count, width: columns.count, channels: channels, values: result)
    }

    private func nearest(to size: Extent, window: ImageWindow) -> PixelImage {
        let rows = Self.nearest(from: height, to: size.height)[window.rows]
        let columns = Self.nearest(from: width, to: size.width)[window.columns]
        var result: [UInt8] = []
        result.reserveCapacity(rows.count * columns.count * channels)
        for row in rows {
            for column in columns {
                let pixel = (row * width + column) * channels
                result += values[pixel..<pixel + channels]
            }
        }
        return PixelImage(height: rows.count, width: columns.count, channels: channels, values: result)
    }

    /// The old pixel under the middle of each new one, added up step by step as Pillow does.
    private static func nearest(from old: Int, to new: Int) -> [Int] {
        let step = Double(old) / Double(new)
        var position = step * 0.5
        return (0..<new).map { _ in
            defer { position += step }
            return min(old - 1, Int(position))
        }
    }
}
