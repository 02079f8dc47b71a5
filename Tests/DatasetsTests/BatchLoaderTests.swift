import Foundation
import Synchronization
import TestSupport
import Tensors
import Testing
import Threads

@testable import Datasets

@Suite("The batch loader") struct BatchLoaderTests {
    private let batches: [(epoch: Int, images: [Int])] = [
        (0, [3, 1, 4]), (0, [0, 5]), (0, []), (1, [2]), (1, [5, 4, 3]), (1, [0, 1]), (1, []),
    ]

    private func open(_ count: Int, _ body: (TrainingSplit) throws -> Void) throws {
        try MadeSplit.open(.bytes("images", [count, 8, 8, 3])) { split in
            try body(TrainingSplit(split, augmentation: .cifar, preprocessing: .unit, seed: 1))
        }
    }

    @Test("hands out batches in their order, with the same values", arguments: [1, 2, 5], [0, 1, 3, 20])
    func order(threads: Int, ahead: Int) throws {
        try open(6) { training in
            let loader = BatchLoader(training, batches: batches, threads: threads, ahead: ahead)
            for (epoch, images) in batches {
                let values = try images.flatMap { try training.read($0, epoch: epoch) }
                #expect(try loader.next() == Batch(epoch: epoch, images: images, values: values))
            }
            #expect(try loader.next() == nil)
            #expect(try loader.next() == nil)
        }
    }

    @Test("hands each batch to one of several trainers")
    func trainers() throws {
        try open(6) { training in
            let many = (0..<60).map { (epoch: $0, images: [$0 % 6]) }
            let loader = BatchLoader(training, batches: many, threads: 2, ahead: 3)
            let seen = Mutex<[Int]>([])
            try inParallel(4, threads: 4, worker: { _ in }) { _, _ in
                while let batch = try loader.next() { seen.withLock { $0.append(batch.epoch) } }
            }
            #expect(seen.withLock(\.self).sorted() == Array(0..<60))
        }
    }

    @Test("without batches has none")
    func none() throws {
        try open(1) { training in
            let first = try BatchLoader(training, batches: [], threads: 3, ahead: 2).next()
            #expect(first == nil)
        }
    }

    @Test("may be given up early", arguments: [0, 1, 2])
    func earlyEnd(taken: Int) throws {
        try open(6) { training in
            let many = Array(repeating: batches[0], count: 1000)
            let loader = BatchLoader(training, batches: many, threads: 3, ahead: 2)
            let found = try (0..<taken).map { _ in try loader.next()?.images }
            #expect(found == Array(repeating: [3, 1, 4], count: taken))
        }
    }

    /// Runs the body while four threads read images of a queue.
    private func reading(
        _ queue: BatchQueue, _ read: @escaping @Sendable (_ image: Int, _ epoch: Int) throws -> [Float],
        _ body: () throws -> Void
    ) throws {
        let workers = Parallel { onThreads(4) { _ in queue.work(read) } }
        defer { queue.stop() }
        try body()
        queue.stop()
        try workers.value()
    }

    @Test("is never further ahead than it may be, however slow the trainer is")
    func bound() throws {
        let queue = BatchQueue((0..<100).map { (epoch: $0, images: [0, 1, 2]) }, ahead: 2)
        let asked = Atomic(0)
        let furthest = Mutex(0)
        try reading(queue) { image, epoch in
            let distance = epoch - asked.load(ordering: .sequentiallyConsistent)
            furthest.withLock { $0 = max($0, distance) }
            return [Float(image)]
        } _: {
            for epoch in 0..<100 {
                // The trainer is at work.
                #expect((0..<2000).shuffled().sorted().count == 2000)
                asked.store(epoch + 1, ordering: .sequentiallyConsistent)
                let batch = try queue.next()
                #expect(batch?.epoch == epoch && batch?.values == [0, 1, 2])
            }
        }
        #expect(furthest.withLock(\.self) <= 1)
    }

    @Test("throws the first failure of a batch, though a later one comes before it")
    func firstFailure() throws {
        struct Failure: Error, Equatable { let image: Int }
        for _ in 0..<200 {
            let later = DispatchSemaphore(value: 0)
            let queue = BatchQueue([(0, [0, 1, 2, 3])], ahead: 1)
            try reading(queue) { image, _ in
                if image == 1 { later.wait() }
                if image == 2 { later.signal() }
                if image == 1 || image == 2 { throw Failure(image: image) }
                return [0]
            } _: {
                #expect(throws: Failure(image: 1)) { try queue.next() }
            }
        }
    }

    @Test("throws at the batch of the first broken image, and again", arguments: [1, 2, 5])
    func failure(threads: Int) throws {
        try MadeFolder.with { folder in
            try folder.images("0.png", "1.png", "2.png", "5.png", "6.png")
            try folder.write("3.png", "text")
            try folder.write("4.png", "text")
            let split = try Split(path: folder.path, requiresLabels: false)
            let training = try TrainingSplit(
                split, augmentation: .imageNet(Extent(8)), preprocessing: .torch, seed: 0)
            let error = ImageError.wrongFormat(
                file: folder.path + "/4.png", found: "not a known image format")
            for _ in 0..<10 {
                let loader = BatchLoader(
                    training, batches: [(0, [0, 1]), (0, [2]), (0, [5, 4, 3, 6]), (0, [3])], threads: threads,
                    ahead: 4)
                #expect(try loader.next()?.images == [0, 1])
                #expect(try loader.next()?.images == [2])
                #expect(throws: DatasetError.image(error)) { try loader.next() }
                #expect(throws: DatasetError.image(error)) { try loader.next() }
            }
        }
    }

    @Test("ends with its computation's cancellation, on its threads too")
    func cancellation() throws {
        try open(6) { training in
            let cancellation = Cancellation()
            try Cancellation.$current.withValue(cancellation) {
                let many = Array(repeating: batches[0], count: 1000)
                let loader = BatchLoader(training, batches: many, threads: 2, ahead: 1)
                _ = try loader.next()
                cancellation.cancel()
                #expect(throws: CancellationError.self) { try loader.next() }
                // Elsewhere, where nothing was cancelled: its threads were.
                Cancellation.$current.withValue(nil) {
                    #expect(throws: CancellationError.self) { while try loader.next() != nil {} }
                }
            }
        }
    }
}
