import CDNNL
import Foundation
import Networks
import Synchronization
import Tensors

/// The fast engine: oneDNN convolutions on channels-last maps with norms folded in, and vector kernels for the rest.
///
/// Each worker takes a batch of images at a time through the whole network on one thread of its own; the packed
/// weights are shared. A batch always has the same number of places, so that an image's outputs do not depend on
/// its neighbours, on the number of workers or on the end of the split.
public final class OneDNNEngine: Engine {
    private let program: Program
    private let plan: BufferPlan
    private let convolutions: [Int: OneDNNConvolution]
    private let device: OneDNNDevice
    private let imageShape: Shape
    private let batch: Int
    private let workers: Int
    /// Features of the output for one image.
    public let outputCount: Int

    /// Reads the parameters, compiles every convolution and packs its weights.
    ///
    /// Throws `NetworkError` where the graph does not fit an image of `shape` (height, width, channels),
    /// `InferenceError` for a parameter or where oneDNN refuses.
    public init(
        network: Network, parameters: ParameterTable, imageShape shape: Shape,
        workers: Int = ProcessInfo.processInfo.activeProcessorCount
    ) throws {
        let shapes = try network.shapes(forImage: shape)
        let weights = Weights(parameters)
        let program = try Lowering.program(for: network, shapes: shapes, weights: weights)
        let batch = Self.batchSize(for: program)
        let device = try OneDNNDevice()
        let compiled = Mutex<Result<[Int: OneDNNConvolution], any Error>>(.success([:]))
        onWorkerThreads(1) { _ in
            let result = Result {
                try Self.compile(program, batch: batch, weights: weights, device: device)
            }
            compiled.withLock { $0 = result }
        }
        self.program = program
        self.device = device
        self.batch = batch
        self.workers = max(workers, 1)
        plan = BufferPlan(program)
        convolutions = try compiled.withLock { try $0.get() }
        imageShape = shape
        outputCount = shapes[network.output].count
    }

    /// Runs the network on every image of the source.
    public func run(on images: ImageSource, progress: @escaping @Sendable (Int) -> Void) throws -> [Float] {
        guard images.shape == imageShape else {
            throw InferenceError.wrongImageShape(found: images.shape, expected: imageShape)
        }
        let results = SharedResults(count: images.count * outputCount)
        let next = Atomic<Int>(0)
        let batches = (images.count + batch - 1) / batch
        onWorkerThreads(min(workers, max(batches, 1))) { _ in
            results.attempt {
                let worker = try Worker(
                    self.program, self.plan, self.convolutions, self.device, batch: self.batch)
                while !results.failed {
                    let first = next.wrappingAdd(self.batch, ordering: .relaxed).oldValue
                    guard first < images.count else { break }
                    let range = first..<min(first + self.batch, images.count)
                    let outputs = try worker.run(images, range)
                    results.store(outputs, at: first * self.outputCount)
                    progress(range.count)
                }
            }
        }
        return try results.get()
    }

    /// Few enough images that their activations stay in cache, enough that the weights are worth streaming: 4 at
    /// ResNet-50's 224×224, measured; small images go by more at a time.
    private static func batchSize(for program: Program) -> Int {
        let largest = program.sizes.max() ?? 1
        return max(1, min(32, 3_300_000 / max(largest, 1)))
    }

    /// The convolution of each step that is one.
    private static func compile(
        _ program: Program, batch: Int, weights: Weights, device: OneDNNDevice
    ) throws -> [Int: OneDNNConvolution] {
        var convolutions: [Int: OneDNNConvolution] = [:]
        for (index, step) in program.steps.enumerated() {
            guard case .convolution(let convolution) = step.operation else { continue }
            convolutions[index] = try OneDNNConvolution(
                convolution, batch: batch, weights: weights, device: device)
        }
        return convolutions
    }
}
