/// A colour as hue, saturation and value in 8 bits each: PIL's mode HSV, in its mixture of float and double.
struct HSV: Equatable {
    var hue: UInt8
    var saturation: UInt8
    var value: UInt8

    init(hue: UInt8, saturation: UInt8, value: UInt8) {
        (self.hue, self.saturation, self.value) = (hue, saturation, value)
    }

    init(red: UInt8, green: UInt8, blue: UInt8) {
        let (most, least) = (max(red, green, blue), min(red, green, blue))
        guard most > least else {
            self.init(hue: 0, saturation: 0, value: most)
            return
        }
        let range = Float(most - least)
        let (r, g, b) = (
            Float(most - red) / range, Float(most - green) / range, Float(most - blue) / range
        )
        let sixths: Float =
            if red == most {
                b - g
            } else if green == most {
                Float(2 + Double(r) - Double(b))
            } else {
                Float(4 + Double(g) - Double(r))
            }
        // From 5/6 to 11/6 of a turn: one of them at most is too much.
        let turns = Double(sixths) / 6 + 1
        let hue = Float(turns < 1 ? turns : turns - 1)
        self.init(
            hue: UInt8(Double(hue) * 255), saturation: UInt8(Double(range / Float(most)) * 255), value: most)
    }

    /// Red, green and blue.
    var rgb: (UInt8, UInt8, UInt8) {
        guard saturation > 0 else { return (value, value, value) }
        let sixths = Double(hue) * 6 / 255
        let sector = Int(sixths)
        let rest = Float(sixths - Double(sector))
        let strength = Float(Double(saturation) / 255)
        // Never negative: adding a half rounds.
        func level(_ share: Double) -> UInt8 { UInt8(Double(value) * (1 - share) + 0.5) }
        let low = level(Double(strength))
        let falling = level(Double(strength * rest))
        let rising = level(Double(strength) * (1 - Double(rest)))
        switch sector % 6 {
        case 0: return (value, rising, low)
        case 1: return (falling, value, low)
        case 2: return (low, value, rising)
        case 3: return (low, falling, value)
        case 4: return (rising, low, value)
        default: return (value, low, falling)
        }
    }
}
