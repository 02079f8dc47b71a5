import Foundation
import Networks
import Tensors

/// The fast engine: a whole network as one compiled section.
public final class OneDNNEngine: Engine {
    private let section: OneDNNSection
    /// Height, width and channels of an image.
    public let imageShape: Shape
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
        section = try OneDNNSection(
            Section(whole: network), of: network, parameters: parameters, shapes: shapes, workers: workers)
        imageShape = shape
        outputCount = shapes[network.output].count
    }

    /// As many images as the section takes at once.
    public var batchSize: Int { section.batch }
    /// How many threads run the network.
    public var workers: Int { section.workers }

    /// Buffers for one thread, which is made ready for convolutions.
    public func makeWorker() throws -> any EngineWorker {
        prepareWorkerThread()
        return OneDNNEngineWorker(worker: try section.makeWorker())
    }
}

private struct OneDNNEngineWorker: EngineWorker {
    let worker: Worker

    func run(
        _ images: UnsafeBufferPointer<Float>, count: Int, into outputs: UnsafeMutableBufferPointer<Float>
    ) throws {
        _ = worker.input(0, count: count).update(fromContentsOf: images)
        try worker.run(count: count)
        _ = outputs.update(fromContentsOf: worker.output(0, count: count))
    }
}
