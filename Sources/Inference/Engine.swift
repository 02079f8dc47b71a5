import Networks
import Tensors

/// Something that runs a network on images.
///
/// An image's outputs are the same to the bit wherever it stands in the source, and whatever the number of
/// workers.
package protocol Engine: Sendable {
    /// Features of the network's output for one image.
    var outputCount: Int { get }
    /// Height, width and channels of an image.
    var imageShape: Shape { get }
    /// The preferred number of images per batch.
    var batchSize: Int { get }
    /// How many threads run the network.
    var workers: Int { get }

    /// What one thread needs to run the network; called on that thread, which stays the engine's own.
    func makeWorker() throws -> any EngineWorker
}

/// A thread's part of an engine.
package protocol EngineWorker {
    /// Runs the network on at most a batch of images, [images, height, width, channels], and writes their outputs,
    /// [images, outputCount].
    func run(
        _ images: UnsafeBufferPointer<Float>, count: Int, into outputs: UnsafeMutableBufferPointer<Float>)
        throws
}

extension Engine {
    /// Runs the network on every image of the source and returns the outputs, [images, outputCount] in row-major
    /// order. Rethrows the first error of the source. `progress` receives the number of images done since the last call, from any
    /// thread.
    package func run(
        on images: ImageSource, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> [Float] {
        try JointRun([self], on: [images]).run(progress: progress)[0].outputs
    }
}

/// Preprocessed images that an engine asks for as it goes, so that no split needs to fit in memory.
package struct ImageSource: Sendable {
    /// Writes the images of a range, [images, height, width, channels], into a buffer of just that many values.
    package typealias Load = @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void

    /// How many images there are.
    package let count: Int
    /// Height, width and channels of an image.
    package let shape: Shape
    /// Loads a range of images; called from several threads at once, for disjoint ranges.
    package let load: Load

    /// A source of `count` images of `shape`.
    package init(count: Int, shape: Shape, load: @escaping Load) {
        self.count = count
        self.shape = shape
        self.load = load
    }

    /// Images that are in memory, [images, height, width, channels].
    package init(_ images: Tensor) {
        let shape = Shape(Array(images.shape.extents.dropFirst()))
        self.init(count: images.shape[0], shape: shape) { range, buffer in
            images.values.withUnsafeBufferPointer { values in
                let part = values[range.lowerBound * shape.count..<range.upperBound * shape.count]
                _ = buffer.update(fromContentsOf: part)
            }
        }
    }
}
