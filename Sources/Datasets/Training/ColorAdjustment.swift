/// One change of an image's colours.
enum ColorAdjustment: Sendable, Equatable {
    /// Between black (0) and the image (1), or beyond.
    case brightness(Double)
    /// Between its mean grey (0) and the image (1), or beyond.
    case contrast(Double)
    /// Between its greys (0) and the image (1), or beyond.
    case saturation(Double)
    /// A shift, in turns of the colour circle.
    case hue(Double)
}

extension PixelImage {
    /// The image after a change of its colours: the same values as torchvision gives for PIL images. A grey image has
    /// neither saturation nor hue.
    func adjusted(by change: ColorAdjustment) -> PixelImage {
        switch change {
        case .brightness(let factor): return blended(from: 0, Float(factor))
        case .contrast(let factor): return blended(from: meanGrey, Float(factor))
        case .saturation(let factor): return channels == 3 ? saturated(Float(factor)) : self
        case .hue(let turns):
            return channels == 3 ? turned(UInt8(truncatingIfNeeded: Int(turns * 255))) : self
        }
    }

    /// Its mean brightness, rounded.
    private var meanGrey: UInt8 {
        let sum = grey.values.reduce(0) { $0 + Int($1) }
        return UInt8(Double(sum) / Double(height * width) + 0.5)
    }

    private func blended(from start: UInt8, _ factor: Float) -> PixelImage {
        let table = (0...255).map { blend(start, UInt8($0), factor) }
        var image = self
        image.values = values.map { table[Int($0)] }
        return image
    }

    private func saturated(_ factor: Float) -> PixelImage {
        mapped { pixel in
            let grey = Self.luma(pixel[0], pixel[1], pixel[2])
            for channel in 0..<3 { pixel[channel] = blend(grey, pixel[channel], factor) }
        }
    }

    private func turned(_ shift: UInt8) -> PixelImage {
        mapped { pixel in
            var colour = HSV(red: pixel[0], green: pixel[1], blue: pixel[2])
            colour.hue &+= shift
            (pixel[0], pixel[1], pixel[2]) = colour.rgb
        }
    }

    /// The image with its colours changed in place, given three values each.
    private func mapped(_ change: (UnsafeMutablePointer<UInt8>) -> Void) -> PixelImage {
        var image = self
        image.values.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            for place in stride(from: 0, to: values.count, by: 3) { change(start + place) }
        }
        return image
    }
}

/// PIL's `Image.blend`: in float, without rounding.
private func blend(_ start: UInt8, _ end: UInt8, _ factor: Float) -> UInt8 {
    UInt8(max(0, min(255, Float(start) + factor * (Float(end) - Float(start)))))
}
