import Foundation
import Networks
import Tensors
import Threads

/// A section of a network, compiled: convolutions on channels-last maps with norms folded in, by oneDNN or kernels of our
/// own, and vector kernels for the rest.
///
/// Each worker takes a batch of images at a time through the section on one thread of its own; the packed weights are
/// shared. A batch always has the same number of places, so that an image's values do not depend on its neighbours, on
/// the number of workers or on the end of the split.
package final class OneDNNSection: Sendable {
    /// Writes the inputs of a range of images: for each input a buffer of [images, values].
    package typealias Load = @Sendable (Range<Int>, [UnsafeMutableBufferPointer<Float>]) throws -> Void
    /// Takes the outputs of a range of images: for each output a buffer of [images, values], valid during the call.
    package typealias Store = @Sendable (Range<Int>, [UnsafeBufferPointer<Float>]) throws -> Void

    private let program: Program
    private let stages: [Stage]
    private let plan: BufferPlan
    private let convolutions: [Int: any CompiledConvolution]
    private let device: OneDNNDevice
    /// Images that are run at once.
    package let batch: Int
    /// Threads that run the section.
    package let workers: Int
    /// Threads that share a worker's convolutions.
    package let team: Int
    /// What the section's steps are.
    package let layers: [EngineLayer]

    /// Reads the parameters that the section needs, compiles every convolution and packs its weights. `shapes` has
    /// the shape of each node of the network.
    ///
    /// `batch` images are run at once, as many as suit their size where it is nil. A worker's convolutions are shared by
    /// `team` threads: one image is done sooner then, many images later.
    ///
    /// Throws `InferenceError` for a parameter, for maps that do not fit into memory, or where oneDNN refuses.
    package init(
        _ section: Section, of network: Network, parameters: ParameterTable, shapes: [Shape],
        workers: Int = ProcessInfo.processInfo.activeProcessorCount, batch: Int? = nil, team: Int = 1,
        precision: Precision = .float32
    ) throws {
        let weights = Weights(parameters)
        let program = try Lowering.program(for: network, section, shapes: shapes, weights: weights)
        let batch = batch ?? Self.batchSize(for: program)
        try program.checkSizes(batch: batch)
        let stages = Stage.stages(of: program, batch: batch)
        let device = try OneDNNDevice()
        self.program = program
        self.device = device
        self.batch = batch
        self.workers = max(workers, 1)
        self.team = team
        layers = program.layers(of: network, shapes: shapes)
        self.stages = stages
        plan = BufferPlan(program, stages, batch: batch)
        convolutions = try Compiler(
            program, stages, precision: precision, weights: weights, device: device
        )
        .compile(threads: max(workers, team), team: team)
    }

    /// Runs the section for `count` images. `load` and `store` are called from several threads at once, for disjoint
    /// ranges; the first error of either is rethrown.
    package func run(count: Int, load: @escaping Load, store: @escaping Store) throws {
        try inParallel(
            (count + batch - 1) / batch, threads: workers,
            worker: { _ in
                prepareWorkerThread(team: self.team)
                return try self.makeWorker()
            },
            body: { worker, index in
                let range = index * self.batch..<min((index + 1) * self.batch, count)
                try load(range, self.program.inputs.indices.map { worker.input($0, count: range.count) })
                try worker.run(count: range.count)
                try store(range, self.program.outputs.indices.map { worker.output($0, count: range.count) })
            })
    }

    /// The memory of one thread.
    package func makeWorker() throws -> Worker {
        try Worker(program, stages, plan, convolutions, device, team: team)
    }

    /// Enough images that the last layers' weights are worth reading, few enough for little memory: 8 at ResNet-50's
    /// 224×224, measured; small images go by more at a time.
    private static func batchSize(for program: Program) -> Int {
        let largest = program.sizes.max() ?? 1
        return max(1, min(32, 6_600_000 / max(largest, 1)))
    }
}
