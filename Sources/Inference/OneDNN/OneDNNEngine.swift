import Foundation
import Networks
import Tensors

/// The fast engine: a whole network as one compiled section.
public final class OneDNNEngine: Engine {
    private let section: OneDNNSection
    private let imageShape: Shape
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

    /// Runs the network on every image of the source.
    public func run(on images: ImageSource, progress: @escaping @Sendable (Int) -> Void) throws -> [Float] {
        guard images.shape == imageShape else {
            throw InferenceError.wrongImageShape(found: images.shape, expected: imageShape)
        }
        let results = SharedResults(count: images.count * outputCount)
        try section.run(
            count: images.count, load: { try images.load($0, $1[0]) },
            store: { results.store($1[0], at: $0.lowerBound * self.outputCount) }, progress: progress)
        return results.values
    }
}
