extension PixelImage {
    /// A window of the image after resizing, the same values as Pillow's `resize` and `crop` give: columns first, then
    /// rows, each pass rounded to 8 bits. Only what the window needs is computed.
    func resized(to size: Extent, window: ImageWindow, _ interpolation: Interpolation) -> PixelImage {
        if interpolation == .nearest { return nearest(to: size, window: window) }
        let across = Taps(from: width, to: size.width, window: window.columns, interpolation)
        let down = Taps(from: height, to: size.height, window: window.rows, interpolation)
        let rows = down.reach
        let narrow = resampledAcross(across, rows: rows)
        return narrow.resampledDown(down, firstRow: rows.lowerBound)
    }

    /// Rounds a sum of weighted pixels and keeps it in 0…255.
    @inline(__always)
    private static func clipped(_ sum: Int32) -> UInt8 { UInt8(clamping: sum >> Taps.precision) }

    private static let half: Int32 = 1 << (Taps.precision - 1)

    private func resampledAcross(_ taps: Taps, rows: Range<Int>) -> PixelImage {
        channels == 3
            ? resampledAcross(taps, rows: rows, colours: SIMD4(0, 1, 2, 2))
            : resampledAcross(taps, rows: rows, colours: SIMD4(0, 0, 0, 0))
    }

    /// One row after another; the channels of a pixel are summed side by side, `colours` says where they stand.
    private func resampledAcross(_ taps: Taps, rows: Range<Int>, colours: SIMD4<Int>) -> PixelImage {
        let columns = taps.starts.count
        let channels = channels
        var result = [UInt8](repeating: 0, count: rows.count * columns * channels)
        values.withUnsafeBufferPointer { old in
            result.withUnsafeMutableBufferPointer { new in
                taps.weights.withUnsafeBufferPointer { weights in
                    var target = 0
                    for row in rows {
                        for column in 0..<columns {
                            var pixel = (row * width + taps.starts[column]) * channels
                            var sum = SIMD4<Int32>(repeating: Self.half)
                            let first = column * taps.stride
                            for place in first..<first + taps.counts[column] {
                                let value = SIMD4<Int32>(
                                    Int32(old[pixel + colours[0]]), Int32(old[pixel + colours[1]]),
                                    Int32(old[pixel + colours[2]]), 0)
                                sum &+= value &* weights[place]
                                pixel += channels
                            }
                            for channel in 0..<channels {
                                new[target] = Self.clipped(sum[channel])
                                target += 1
                            }
                        }
                    }
                }
            }
        }
        return PixelImage(height: rows.count, width: columns, channels: channels, values: result)
    }

    /// The image's first row is `firstRow` of the image that `taps` are about.
    private func resampledDown(_ taps: Taps, firstRow: Int) -> PixelImage {
        let rowSize = width * channels
        var result = [UInt8](repeating: 0, count: taps.starts.count * rowSize)
        var sums = [Int32](repeating: 0, count: rowSize)
        values.withUnsafeBufferPointer { old in
            result.withUnsafeMutableBufferPointer { new in
                sums.withUnsafeMutableBufferPointer { sums in
                    for row in taps.starts.indices {
                        sums.update(repeating: Self.half)
                        for tap in 0..<taps.counts[row] {
                            let weight = taps.weights[row * taps.stride + tap]
                            let start = (taps.starts[row] + tap - firstRow) * rowSize
                            for place in 0..<rowSize { sums[place] &+= Int32(old[start + place]) &* weight }
                        }
                        for place in 0..<rowSize { new[row * rowSize + place] = Self.clipped(sums[place]) }
                    }
                }
            }
        }
        return PixelImage(height: taps.starts.count, width: width, channels: channels, values: result)
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
