import Inference
import Threads

extension TrainingTeam {
    /// What a whole batch is taken forwards and back with.
    struct BatchPass: @unchecked Sendable {
        /// Writes images of the batch.
        let load: @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void
        /// Adds the loss' gradient, as `Trainer.Loss`.
        let loss: Trainer.Loss
        /// The gradient of each micro-batch.
        let sums: [UnsafeMutablePointer<Float>]
        /// Is told the statistics of each batch norm, in the order of the network.
        let observe: @Sendable (NormBatch) -> Void
    }

    /// Takes all micro-batches forwards and back together. The threads meet at each batch norm, which needs all of the batch.
    func run(_ pass: BatchPass) throws {
        let rendezvous = Rendezvous(threads: threads)
        let failure = FirstFailure()
        let (program, workers, threads) = (program, workers, threads)
        onThreads(threads) { thread in
            prepareWorkerThread()
            do {
                let own = stride(from: thread, to: workers.count, by: threads).map {
                    Share(
                        worker: workers[$0], sums: pass.sums[$0],
                        images: $0 * program.batch..<($0 + 1) * program.batch)
                }
                try program.forward(own, pass, rendezvous)
                try program.backward(own, pass, rendezvous)
            } catch {
                failure.attempt { throw error }
                rendezvous.abandon()
            }
        }
        try failure.rethrow()
    }

    /// A micro-batch of a thread.
    fileprivate struct Share {
        let worker: TrainingWorker
        let sums: UnsafeMutablePointer<Float>
        /// The places of its images in the batch.
        let images: Range<Int>
    }
}

extension TrainingProgram {
    fileprivate func forward(
        _ own: [TrainingTeam.Share], _ pass: TrainingTeam.BatchPass, _ rendezvous: Rendezvous
    ) throws {
        for share in own {
            share.sums.update(repeating: 0, count: layout.count)
            try pass.load(share.images, share.worker.input)
        }
        for index in plan.order {
            try Cancellation.check()
            if let norm = batchNorms[index] {
                let operand = plan.network.nodes[index].inputs[0]
                for share in own {
                    norm.measure(share.images, UnsafeBufferPointer(share.worker.value(operand)))
                }
                try rendezvous.meet { pass.observe(norm.takeStatistics()) }
            }
            for share in own { try share.worker.forward(index) }
        }
    }

    fileprivate func backward(
        _ own: [TrainingTeam.Share], _ pass: TrainingTeam.BatchPass, _ rendezvous: Rendezvous
    ) throws {
        for index in plan.order.reversed() where plan.gradientBuffer[index] >= 0 {
            try Cancellation.check()
            for share in own {
                try share.worker.addLoss(index) { try pass.loss($0, share.images, $1, $2) }
            }
            if let norm = batchNorms[index] {
                for share in own { share.worker.measureGradient(of: norm, share.images) }
                try rendezvous.meet {
                    norm.takeGradient(
                        dgamma: layout.place(norm.norm.gamma, in: pass.sums[0]),
                        dbeta: layout.place(norm.norm.beta, in: pass.sums[0]))
                }
            }
            for share in own { try share.worker.backward(index, to: share.sums) }
        }
    }
}

extension TrainingWorker {
    /// Hands a batch norm the gradients of these images of the batch.
    fileprivate func measureGradient(of norm: TrainedBatchNorm, _ images: Range<Int>) {
        let operand = plan.network.nodes[norm.node].inputs[0]
        for (place, image) in images.enumerated() {
            guard let x = map(operand, image: place).baseAddress,
                let dy = gradientMap(norm.node, image: place).baseAddress
            else { continue }
            norm.measureGradient(image, x, dy)
        }
    }
}
