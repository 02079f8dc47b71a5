import CDNNL
import CKernels
import Foundation
import Networks
import Tensors
import Threads

/// The library after the fast engine, as it is loaded: `oneDNN 2.6.3, AVX2`.
package var oneDNNDescription: String {
    var version: (Int32, Int32, Int32) = (0, 0, 0)
    withoutSignals { nc_dnnl_version(&version.0, &version.1, &version.2) }
    let instructions = withoutSignals { nc_dnnl_instructions() }.map { ", " + String(cString: $0) }
    return "oneDNN \(version.0).\(version.1).\(version.2)" + (instructions ?? "")
}

/// The fast engine: a whole network as one compiled section.
package final class OneDNNEngine: Engine {
    private let section: OneDNNSection
    /// Height, width and channels of an image.
    package let imageShape: Shape
    /// Features of the output for one image.
    package let outputCount: Int

    /// Reads the parameters, compiles every convolution and packs its weights.
    ///
    /// `batch` images are run at once, as many as suit their size where it is nil. A worker's convolutions are shared by
    /// `team` threads: one image is done sooner then, many images later.
    ///
    /// Throws `NetworkError` where the graph does not fit an image of `shape` (height, width, channels),
    /// `InferenceError` for a parameter, where oneDNN refuses, or for a precision that the processor does not have.
    package init(
        network: Network, parameters: ParameterTable, imageShape shape: Shape,
        workers: Int = ProcessInfo.processInfo.activeProcessorCount, batch: Int? = nil, team: Int = 1,
        precision: Precision = .float32
    ) throws {
        try precision.check()
        let shapes = try network.shapes(forImage: shape)
        section = try OneDNNSection(
            Section(whole: network), of: network, parameters: parameters, shapes: shapes, workers: workers,
            batch: batch, team: team, precision: precision)
        // Kernels as they were read: the workers' buffers need other sizes.
        nc_release_freed_memory()
        imageShape = shape
        outputCount = shapes[network.output].count
    }

    /// As many images as the section takes at once.
    package var batchSize: Int { section.batch }
    /// How many threads run the network.
    package var workers: Int { section.workers }
    /// Its steps, in the order in which they are executed.
    package var layers: [EngineLayer] { section.layers }

    /// Buffers for one thread, which is made ready for convolutions.
    package func makeWorker() throws -> any EngineWorker {
        OneDNNEngineWorker(worker: try makeOwnWorker(), batch: batchSize)
    }

    package func makeOwnWorker() throws -> Worker {
        prepareWorkerThread(team: section.team)
        return try section.makeWorker()
    }
}
