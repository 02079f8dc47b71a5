import CKernels
import Threads

/// Runs batches. An image whose values overflow inside the network gets NaN for outputs: a ReLU behind the overflow
/// makes zero of −∞, and oneDNN's of NaN too, so that outputs may look like any others.
package struct OneDNNEngineWorker: EngineWorker {
    package let worker: Worker
    package let batch: Int

    package func run(
        _ images: UnsafeBufferPointer<Float>, count: Int, into outputs: UnsafeMutableBufferPointer<Float>
    ) throws {
        try withoutSignals {
            _ = worker.input(0, count: count).update(fromContentsOf: images)
            let overflowed = try runTellingOverflow(count: count)
            _ = outputs.update(fromContentsOf: worker.output(0, count: count))
            if overflowed { try markOverflow(images, count: count, outputs) }
        }
    }

    private func runTellingOverflow(count: Int) throws -> Bool {
        nc_forget_overflow()
        try worker.run(count: count)
        return nc_overflowed() != 0
    }

    /// Overflow in a batch may be of any of its images, or of what an earlier batch left after the last one: each image
    /// is run again in every place, so that what is said of it does not depend on its neighbours.
    private func markOverflow(
        _ images: UnsafeBufferPointer<Float>, count: Int, _ outputs: UnsafeMutableBufferPointer<Float>
    ) throws {
        let (size, features) = (images.count / count, outputs.count / count)
        for index in 0..<count {
            let own = outputs[index * features..<(index + 1) * features]
            guard own.allSatisfy(\.isFinite) else { continue }
            let places = worker.input(0, count: batch)
            for place in 0..<batch {
                _ = places[place * size..<(place + 1) * size].update(
                    fromContentsOf: images[index * size..<(index + 1) * size])
            }
            if try runTellingOverflow(count: batch) { own.update(repeating: .nan) }
        }
    }
}
