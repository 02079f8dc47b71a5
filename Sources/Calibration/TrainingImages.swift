import Inference
import Tensors

/// The images of a training: those that layers are fitted to, which are in memory, and any number of others, which are read
/// each time they are needed.
struct TrainingImages: Sendable {
    private let store: ActivationStore
    /// Places of the images in memory.
    private let stored: [Int]
    private let others: ImageSource?

    init(_ images: CalibrationImages, others: ImageSource?) {
        (store, stored, self.others) = (images.store, images.originals, others)
    }

    /// How many images there are.
    var count: Int { stored.count + (others?.count ?? 0) }
    /// The shape of an image, [height, width, channels].
    var shape: Shape { store.shape }

    /// Writes a view, with its rectangle of another one, as [height, width, channels].
    func write(_ view: TrainingView, to target: UnsafeMutablePointer<Float>) throws {
        try write(view.view, to: target)
        guard let patch = view.patch else { return }
        let (width, channels) = (shape[1], shape[2])
        try withUnsafeTemporaryAllocation(of: Float.self, capacity: shape.count) { buffer in
            guard let other = buffer.baseAddress else { return }
            try write(patch.view, to: other)
            for row in patch.rows {
                let start = (row * width + patch.columns.lowerBound) * channels
                (target + start).update(from: other + start, count: patch.columns.count * channels)
            }
        }
    }

    /// Writes a view of one of the images, which it numbers from 0, as [height, width, channels].
    func write(_ view: ImageView, to target: UnsafeMutablePointer<Float>) throws {
        if view.image < stored.count {
            store.withValues(stored[view.image]) { view.write(from: $0, shape, to: target) }
        } else if let others {
            let place = view.image - stored.count
            var values = [Float](repeating: 0, count: shape.count)
            try values.withUnsafeMutableBufferPointer { buffer in
                try others.load(place..<place + 1, buffer)
                guard let source = buffer.baseAddress else { return }
                view.write(from: source, shape, to: target)
            }
        }
    }
}
