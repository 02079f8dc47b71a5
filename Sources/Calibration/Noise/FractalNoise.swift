import Foundation
import Inference
import Tensors

/// Images of fractal noise: octaves of equal strength, so that power falls about with the square of the frequency, as in photographs
/// (Field 1987). Channels share most of it, as colours do; brightness and contrast differ from image to image.
package struct FractalNoise {
    /// Rows, columns and channels.
    let shape: Shape
    /// What black and white are to the network, of each channel.
    let limits: [Synthesis.PixelLimits]

    /// The mean of pixels, where black is 0 and white 1, and its deviation between images and between an image's channels.
    private static let brightness = (mean: 0.45, images: 0.15, channels: 0.045)
    /// The deviation of an image's pixels: the median, and the deviation of its logarithm between images.
    private static let contrast = (median: 0.2, spread: 0.5)
    /// What a channel has of its own, where what channels share has a deviation of 1.
    private static let ownShare: Float = 0.35

    /// Images of a shape, [rows, columns, channels].
    package init(shape: Shape, limits: [Synthesis.PixelLimits]) {
        (self.shape, self.limits) = (shape, limits)
    }

    /// As many images; the same from the same seed.
    package func images(_ count: Int, seed: UInt64) throws -> ActivationStore {
        let store = try ActivationStore(shape: shape, count: count)
        for image in 0..<count {
            // An image does not depend on how many there are.
            var random = SplitMix64(seed: seed &+ UInt64(image + 1) &* 0x5851_F42D_4C95_7F2D)
            self.image(&random).withUnsafeBufferPointer { store.store(image..<image + 1, $0) }
        }
        return store
    }

    private func image(_ random: inout SplitMix64) -> [Float] {
        let (height, width, channels) = (shape[0], shape[1], shape[2])
        let shared = plane(height, width, &random)
        let own = (0..<channels).map { _ in plane(height, width, &random) }
        let contrast = Float(Self.contrast.median * exp(Self.contrast.spread * random.normal()))
        let brightness = Self.brightness.mean + Self.brightness.images * random.normal()
        let levels = (0..<channels).map { _ in
            Float(brightness + Self.brightness.channels * random.normal())
        }
        var pixels = [Float](repeating: 0, count: shape.count)
        for place in shared.indices {
            for channel in 0..<channels {
                let value = levels[channel] + contrast * (shared[place] + Self.ownShare * own[channel][place])
                let (black, white) = limits[channel % limits.count]
                pixels[place * channels + channel] = black + min(max(value, 0), 1) * (white - black)
            }
        }
        return pixels
    }

    /// Octaves of noise, from one value for each pixel to few for the whole plane, of mean 0 and deviation 1 in all.
    private func plane(_ height: Int, _ width: Int, _ random: inout SplitMix64) -> [Float] {
        var sum = [Float](repeating: 0, count: height * width)
        var cell = 1
        while cell < max(height, width) {
            addOctave(of: cell, to: &sum, height, width, &random)
            cell *= 2
        }
        let mean = sum.reduce(0, +) / Float(max(sum.count, 1))
        let square = sum.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(max(sum.count, 1))
        let scale = square > 0 ? 1 / square.squareRoot() : 0
        return sum.map { ($0 - mean) * scale }
    }

    /// Random values every `cell` pixels, linear between them.
    private func addOctave(
        of cell: Int, to sum: inout [Float], _ height: Int, _ width: Int, _ random: inout SplitMix64
    ) {
        let (rows, columns) = (height / cell + 3, width / cell + 3)
        let grid = (0..<rows * columns).map { _ in Float(random.normal()) }
        let (top, left) = (Int.random(in: 0..<cell, using: &random), Int.random(in: 0..<cell, using: &random))
        for row in 0..<height {
            let (y, v) = ((row + top) / cell, Float((row + top) % cell) / Float(cell))
            for column in 0..<width {
                let (x, h) = ((column + left) / cell, Float((column + left) % cell) / Float(cell))
                let place = y * columns + x
                let above = grid[place] * (1 - h) + grid[place + 1] * h
                let below = grid[place + columns] * (1 - h) + grid[place + columns + 1] * h
                sum[row * width + column] += above * (1 - v) + below * v
            }
        }
    }
}

extension SplitMix64 {
    /// A value of the standard normal distribution (Box & Muller 1958).
    fileprivate mutating func normal() -> Double {
        let (u, v) = (Double.random(in: 0..<1, using: &self), Double.random(in: 0..<1, using: &self))
        return (-2 * log(1 - u)).squareRoot() * cos(2 * Double.pi * v)
    }
}
