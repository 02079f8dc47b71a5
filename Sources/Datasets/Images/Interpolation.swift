/// The interpolation for resizing.
package enum Interpolation: String, Sendable, CaseIterable {
    /// The nearest pixel.
    case nearest
    /// Linear weights, over as many pixels as one new pixel covers (antialiased).
    case bilinear
    /// Keys' cubic with a = −1/2, antialiased in the same way.
    case bicubic

    /// Half the filter's width at the size of one pixel.
    var support: Double { self == .bicubic ? 2 : 1 }

    /// The filter's value at a distance.
    func weight(_ distance: Double) -> Double {
        let x = abs(distance)
        guard self == .bicubic else { return x < 1 ? 1 - x : 0 }
        let a = -0.5
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    }
}

/// Along one side, the range of old pixels for each new one, with weights.
struct Taps {
    /// The first old pixel of each new one.
    private(set) var starts: [Int32] = []
    /// How many there are.
    private(set) var counts: [Int32] = []
    /// The weights, `stride` places for each new pixel, in units of 2⁻²².
    private(set) var weights: [Int32] = []
    let stride: Int

    /// 8 bits for a pixel, 2 for filters that overshoot, 22 for weights, as in Pillow.
    static let precision: Int32 = 22

    /// The new pixels of `window` where `old` pixels become `new`. In double as Pillow computes them, operation by
    /// operation, so that weights are the same to the last bit.
    init(from old: Int, to new: Int, window: Range<Int>, _ interpolation: Interpolation) {
        let scale = Double(old) / Double(new)
        let filterScale = max(scale, 1)
        let support = interpolation.support * filterScale
        stride = Int(support.rounded(.up)) * 2 + 1
        for place in window {
            let center = (Double(place) + 0.5) * scale
            let start = max(0, Int(center - support + 0.5))
            let end = min(old, Int(center + support + 0.5))
            let values = (start..<end).map {
                interpolation.weight((Double($0) - center + 0.5) * (1 / filterScale))
            }
            let sum = values.reduce(0, +)
            starts.append(Int32(start))
            counts.append(Int32(end - start))
            weights += values.map { value in
                let share = sum == 0 ? value : value / sum
                return Int32(share * Double(1 << Self.precision) + (share < 0 ? -0.5 : 0.5))
            }
            weights += [Int32](repeating: 0, count: stride - values.count)
        }
    }

    /// The range of old pixels that any new one needs.
    var reach: Range<Int> {
        let ends = zip(starts, counts).map { Int($0) + Int($1) }
        return Int(starts.min() ?? 0)..<(ends.max() ?? 0)
    }

    /// The same of an image that begins with the first pixel of `reach`.
    var fromReach: Taps {
        var taps = self
        let first = Int32(reach.lowerBound)
        taps.starts = starts.map { $0 - first }
        return taps
    }
}
