import Foundation
import Tensors

/// A node's values for many images, in memory: [images, values]. Written and read in parts, from several threads for
/// disjoint images.
package final class ActivationStore: @unchecked Sendable {
    /// How values are kept.
    package enum Precision: Sendable {
        /// As they are.
        case single
        /// In half the memory, rounded to 11 significant bits; what is beyond ±65,504 stays at that.
        case half
    }

    /// The shape of one image's value.
    package let shape: Shape
    /// How many images.
    package let count: Int
    private let precision: Precision
    private let memory: AlignedMemory

    /// Room for `count` images' values of a shape, which are to be stored before they are read. Throws `InferenceError.outOfMemory`.
    package init(shape: Shape, count: Int, precision: Precision = .single) throws(InferenceError) {
        self.shape = shape
        self.count = count
        self.precision = precision
        memory = try AlignedMemory(
            bytes: Self.bytes(shape: shape, count: count, precision: precision), zeroed: false)
    }

    /// Bytes that a store takes.
    package static func bytes(shape: Shape, count: Int, precision: Precision) -> Int {
        count * shape.count * (precision == .half ? 2 : 4)
    }

    /// Copies the values of a range of images into a buffer of just that many.
    package func load(_ images: Range<Int>, _ buffer: UnsafeMutableBufferPointer<Float>) {
        let start = images.lowerBound * shape.count
        switch precision {
        case .single: buffer.baseAddress?.update(from: memory.floats + start, count: buffer.count)
        case .half:
            let halves = memory.address.assumingMemoryBound(to: UInt16.self) + start
            for index in buffer.indices { buffer[index] = HalfPrecision.float(half: halves[index]) }
        }
    }

    /// Keeps the values of a range of images.
    package func store(_ images: Range<Int>, _ buffer: UnsafeBufferPointer<Float>) {
        let start = images.lowerBound * shape.count
        switch precision {
        case .single:
            if let source = buffer.baseAddress {
                (memory.floats + start).update(from: source, count: buffer.count)
            }
        case .half:
            let halves = memory.address.assumingMemoryBound(to: UInt16.self) + start
            for index in buffer.indices {
                halves[index] = HalfPrecision.half(min(max(buffer[index], -65_504), 65_504))
            }
        }
    }

    /// Copies the values of some images, one after another, into a buffer of just that many.
    package func load(_ images: ArraySlice<Int>, _ buffer: UnsafeMutableBufferPointer<Float>) {
        for (place, image) in images.enumerated() {
            let part = place * shape.count..<(place + 1) * shape.count
            load(image..<image + 1, UnsafeMutableBufferPointer(rebasing: buffer[part]))
        }
    }

    /// Keeps the values of some images, which stand one after another.
    package func store(_ images: ArraySlice<Int>, _ buffer: UnsafeBufferPointer<Float>) {
        for (place, image) in images.enumerated() {
            let part = place * shape.count..<(place + 1) * shape.count
            store(image..<image + 1, UnsafeBufferPointer(rebasing: buffer[part]))
        }
    }

    /// The values of a range of images.
    package func values(_ images: Range<Int>) -> [Float] {
        [Float](unsafeUninitializedCapacity: images.count * shape.count) { buffer, count in
            load(images, UnsafeMutableBufferPointer(rebasing: buffer[..<(images.count * shape.count)]))
            count = images.count * shape.count
        }
    }

    /// Lets the body see one image's values, in place where they are kept as they are.
    package func withValues<Result>(
        _ image: Int, _ body: (UnsafePointer<Float>) throws -> Result
    ) rethrows -> Result {
        switch precision {
        case .single: return try body(memory.floats + image * shape.count)
        case .half: return try body(values(image..<image + 1))
        }
    }
}
