import Foundation
import Threads

/// Batches in the making: threads take one image after another, in order, as long as its batch is not too far ahead.
///
/// After a failure no further image is begun. All images before the one that failed have been begun by then, so that
/// the first failure in the order of images is always the same.
final class BatchQueue: @unchecked Sendable {
    private let batches: [(epoch: Int, images: [Int])]
    private let ahead: Int
    private let condition = NSCondition()

    // The condition's lock guards the following.
    /// What there is of each batch.
    private var parts: [Part]
    /// The batch that `next()` waits for.
    private var first = 0
    /// The image that is to be read next.
    private var upcoming = Place(batch: 0, index: 0)
    /// Whether no more images are begun.
    private var isClosed = false

    private struct Part {
        /// The values of the images that are read.
        var values: [[Float]] = []
        /// How many images are being read, and how many are.
        var reading = 0
        var read = 0
        var failure: (index: Int, error: any Error)?
    }

    /// An image by its batch and its index there.
    private struct Place {
        var batch: Int
        var index: Int
    }

    init(_ batches: [(epoch: Int, images: [Int])], ahead: Int) {
        (self.batches, self.ahead) = (batches, max(ahead, 1))
        parts = Array(repeating: Part(), count: batches.count)
    }

    /// Reads images by number and epoch until there are none left.
    func work(_ read: (_ image: Int, _ epoch: Int) throws -> [Float]) {
        while let place = take() {
            let batch = batches[place.batch]
            let result = Result {
                try Cancellation.check()
                return try read(batch.images[place.index], batch.epoch)
            }
            store(result, at: place)
        }
    }

    /// Lets threads end when they are done with their image.
    func stop() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    /// Waits for the next batch; nil where there are no more.
    func next() throws -> Batch? {
        guard let (number, images) = try takeFirst() else { return nil }
        var values: [Float] = []
        values.reserveCapacity(images.reduce(0) { $0 + $1.count })
        for image in images { values += image }
        return Batch(epoch: batches[number].epoch, images: batches[number].images, values: values)
    }

    private func takeFirst() throws -> (batch: Int, images: [[Float]])? {
        try condition.withLock {
            while first < batches.count {
                guard isDone(first) else {
                    condition.wait()
                    continue
                }
                if let failure = parts[first].failure { throw failure.error }
                defer {
                    parts[first] = Part()
                    first += 1
                    condition.broadcast()
                }
                return (first, parts[first].values)
            }
            return nil
        }
    }

    /// Whether nothing of a batch is to come.
    private func isDone(_ batch: Int) -> Bool {
        let part = parts[batch]
        return part.read == batches[batch].images.count || part.failure != nil && part.reading == 0
    }

    /// Waits for an image to read; nil where there are no more.
    private func take() -> Place? {
        condition.withLock {
            while !isClosed {
                while upcoming.batch < batches.count, upcoming.index == batches[upcoming.batch].images.count {
                    upcoming = Place(batch: upcoming.batch + 1, index: 0)
                }
                guard upcoming.batch < batches.count else { return nil }
                if upcoming.batch < first + ahead { return begin() }
                condition.wait()
            }
            return nil
        }
    }

    private func begin() -> Place {
        defer { upcoming.index += 1 }
        if upcoming.index == 0 {
            let count = batches[upcoming.batch].images.count
            parts[upcoming.batch].values = Array(repeating: [], count: count)
        }
        parts[upcoming.batch].reading += 1
        return upcoming
    }

    private func store(_ result: Result<[Float], any Error>, at place: Place) {
        condition.withLock {
            parts[place.batch].reading -= 1
            switch result {
            case .success(let values):
                parts[place.batch].values[place.index] = values
                parts[place.batch].read += 1
            case .failure(let error):
                if place.index < parts[place.batch].failure?.index ?? .max {
                    parts[place.batch].failure = (place.index, error)
                }
                isClosed = true
            }
            if isDone(place.batch) || isClosed { condition.broadcast() }
        }
    }
}
