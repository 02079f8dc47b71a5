/// 16-bit floats as bit patterns. libhdf5 converts them bit by bit and slowly, and `Float16` is missing on some
/// platforms. Both directions are IEEE 754: exact one way, round-to-nearest-even the other.
package enum HalfPrecision {
    /// Widens binary16.
    package static func float(half: UInt16) -> Float {
        let sign = UInt32(half & 0x8000) << 16
        let magnitude = UInt32(half & 0x7FFF) << 13
        // Exponents differ by 112: a multiplication moves them and makes subnormals normal. The top exponent stands
        // for infinity and NaN in both.
        let widened =
            magnitude >= 0x0F80_0000
            ? magnitude | 0x7F80_0000
            : (Float(bitPattern: magnitude) * Float(bitPattern: 0x7780_0000)).bitPattern
        return Float(bitPattern: sign | widened)
    }

    /// Narrows to binary16.
    package static func half(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
        let magnitude = value.bitPattern & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
        if magnitude >= 0x4780_0000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // Adding 0.5 lines the subnormal's bits up at the end of the mantissa, rounded by the addition.
            let rounded = (Float(bitPattern: magnitude) + 0.5).bitPattern - Float(0.5).bitPattern
            return sign | UInt16(truncatingIfNeeded: rounded)
        }
        let odd = (magnitude >> 13) & 1
        return sign | UInt16(truncatingIfNeeded: (magnitude - (112 << 23) + 0xFFF + odd) >> 13)
    }

    /// Widens bfloat16.
    package static func float(bfloat16: UInt16) -> Float { Float(bitPattern: UInt32(bfloat16) << 16) }

    /// Narrows to bfloat16.
    package static func bfloat16(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x0040 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
    }
}
