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
    /// The image after a change of its colours: the same values as torchvision gives for PIL images. A grey image has neither
    /// saturation nor hue.
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
        var image = self
        for red in stride(from: 0, to: values.count, by: 3) {
            let grey = Self.luma(values[red], values[red + 1], values[red + 2])
            for place in red..<red + 3 { image.values[place] = blend(grey, values[place], factor) }
        }
        return image
    }

    private func turned(_ shift: UInt8) -> PixelImage {
        var image = self
        for red in stride(from: 0, to: values.count, by: 3) {
            var colour = HSV(red: values[red], green: values[red + 1], blue: values[red + 2])
            colour.hue &+= shift
            (image.values[red], image.values[red + 1], image.values[red + 2]) = colour.rgb
        }
        return image
    }
}

/// PIL's `Image.blend`: in float, without rounding.
private func blend(_ start: UInt8, _ end: UInt8, _ factor: Float) -> UInt8 {
    UInt8(max(0, min(255, Float(start) + factor * (Float(end) - Float(start)))))
}
