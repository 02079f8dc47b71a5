/// A contiguous row-major array of Float32.
package struct Tensor: Sendable, Equatable {
    /// Extents, outermost first.
    package let shape: Shape
    /// `shape.count` elements, the innermost dimension contiguous.
    package var values: [Float]

    /// Traps where the number of values is not the shape's.
    package init(shape: Shape, values: [Float]) {
        precondition(values.count == shape.count, "\(values.count) values for \(shape)")
        self.shape = shape
        self.values = values
    }

    /// A tensor of one repeated value.
    package init(shape: Shape, repeating value: Float) {
        self.init(shape: shape, values: [Float](repeating: value, count: shape.count))
    }

    /// A vector.
    package init(_ values: [Float]) { self.init(shape: [values.count], values: values) }

    /// The place of the first NaN or infinity.
    package var firstNonFinite: Int? { values.firstNonFinite }

    /// The same values under another shape of the same count.
    package func reshaped(_ shape: Shape) -> Tensor { Tensor(shape: shape, values: values) }
}

extension [Float] {
    /// The place of the first NaN or infinity.
    package var firstNonFinite: Int? { withUnsafeBufferPointer(\.firstNonFinite) }
}

extension UnsafeBufferPointer<Float> {
    /// The place of the first NaN or infinity. All are looked through without a branch first.
    package var firstNonFinite: Int? {
        let exponent = Float.infinity.bitPattern
        // An exponent of ones alone carries into the sign's bit.
        let carries = reduce(into: UInt32(0)) { $0 |= ($1.bitPattern & exponent) &+ (1 << 23) }
        return carries >> 31 == 0 ? nil : firstIndex { !$0.isFinite }
    }
}
