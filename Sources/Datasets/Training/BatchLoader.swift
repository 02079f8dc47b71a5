import Threads

/// Images that a training takes together.
package struct Batch: Sendable, Equatable {
    /// The epoch in which they are drawn.
    package let epoch: Int
    /// Their numbers in the split.
    package let images: [Int]
    /// Their values, [images, height, width, channels].
    package let values: [Float]
}

/// Reads batches ahead of the trainer on threads of its own, which end when nobody has the loader any more.
///
/// They take no asynchronous signals, as decoders and resampling need it, and follow the `Cancellation` that is current
/// where the loader is made.
package final class BatchLoader: Sendable {
    private let queue: BatchQueue
    private let workers: Parallel<Void>

    /// Begins to read.
    ///
    /// - Parameters:
    ///   - split: the images.
    ///   - batches: the images of each batch and the epoch in which they are drawn, in the order of `next()`.
    ///   - threads: on how many threads images are read, at least one.
    ///   - ahead: how many batches may be in memory before `next()` hands them out, at least one. The one that it hands
    ///     out takes its memory twice for a moment.
    package init(
        _ split: TrainingSplit, batches: [(epoch: Int, images: [Int])], threads: Int, ahead: Int
    ) {
        let queue = BatchQueue(batches, ahead: ahead)
        self.queue = queue
        workers = Parallel {
            onThreads(max(threads, 1)) { _ in
                queue.work { try split.read($0, epoch: $1) }
            }
        }
    }

    /// Waits for the images that are being read and for the end of the threads.
    deinit {
        queue.stop()
        try? workers.value()
    }

    /// The next batch, in order; nil after the last one. Throws what kept one of its images from being read, the first
    /// in the batch; then always.
    package func next() throws -> Batch? {
        try Cancellation.check()
        return try queue.next()
    }
}
