import Datasets
import Evaluation
import Foundation
import Inference
import Networks
import Tensors

/// The differences of two networks' values, layer by layer, for `--json`.
public struct DiffReport: Codable, Sendable {
    /// The format version of this report.
    public var schemaVersion = 1
    /// The first network's file.
    public var first: String
    /// The second network's file.
    public var second: String
    /// The images' file.
    public var data: String
    /// Number of images compared.
    public var images: Int
    /// Layers that both have, in the first network's order.
    public var layers: [Layer]
    /// Layers that only one of them has, or whose shapes differ.
    public var unmatched: [String]

    /// A layer's values in both networks.
    public struct Layer: Codable, Sendable {
        /// The layer's name.
        public var layer: String
        /// `convolution`, `norm`, `sum`, `activation`, `dense` or `other`.
        public var kind: String
        /// Σ(b − a)²/Σ(a − ā)², ā each channel's mean in the first network; absent if its values do not vary.
        public var relativeError: Double?
        /// Σab/√(Σa²·Σb²).
        public var cosine: Double
        /// Mean of the values in the first network.
        public var firstMean: Double
        /// Standard deviation of the values in the first network.
        public var firstDeviation: Double
        /// Mean of the values in the second network.
        public var secondMean: Double
        /// Standard deviation of the values in the second network.
        public var secondDeviation: Double
    }
}

extension Model {
    /// Compares this network's values with another's on the first images of a split, layer by layer. Layers are matched by
    /// name.
    ///
    /// - Parameters:
    ///   - other: the second network.
    ///   - split: the images; labels are not read.
    ///   - images: how many of them; all if there are fewer.
    ///   - preprocessing: nil for each network's own.
    ///   - workers: threads; nil for all cores.
    ///   - progress: receives the number of images done since the last call.
    package func diff(
        _ other: Model, on split: Split, images: Int = 256, preprocessing: Preprocessing? = nil,
        workers: Int? = nil, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> DiffReport {
        guard images > 0 else { throw DiffFailure.noImages(found: images) }
        let first = try Side(self, split, preprocessing)
        let second = try Side(other, split, preprocessing)
        let pairs = first.layers.compactMap { layer in
            second.layers.first { $0.key == layer.key && $0.shape == layer.shape }.map { (layer, $0) }
        }
        guard !pairs.isEmpty else { throw DiffFailure.nothingInCommon(first: path, second: other.path) }
        let count = min(images, split.count)
        let size = pairs.reduce(first.imageSize) { $0 + $1.0.shape.count }
        // A chunk's values of both networks are in memory at once.
        let chunk = max(1, min(count, (256 << 20) / (2 * size * MemoryLayout<Float>.size)))
        let workers = workers ?? ProcessInfo.processInfo.activeProcessorCount
        let left = try first.section(pairs.map(\.0.node), workers)
        let right = try second.section(pairs.map(\.1.node), workers)
        var differences = pairs.map { LayerDifference(channels: $0.0.shape[-1]) }
        for start in stride(from: 0, to: count, by: chunk) {
            let range = start..<min(start + chunk, count)
            let a = try first.values(left, pairs.map(\.0.shape), range)
            let b = try second.values(right, pairs.map(\.1.shape), range)
            for place in pairs.indices {
                for image in 0..<range.count {
                    differences[place].add(
                        a[place].values(image..<image + 1), b[place].values(image..<image + 1))
                }
            }
            progress(range.count)
        }
        let matched = Set(pairs.map(\.0.key))
        let rest = (first.layers + second.layers).filter { !matched.contains($0.key) }.map(\.layer)
        return DiffReport(
            first: path, second: other.path, data: split.file, images: count,
            layers: zip(pairs, differences).map { .init($0.0.layer, $0.0.kind, $1) },
            unmatched: rest.reduce(into: []) { if !$0.contains($1) { $0.append($1) } })
    }
}

extension DiffReport.Layer {
    fileprivate init(_ layer: String, _ kind: String, _ difference: LayerDifference) {
        self.layer = layer
        self.kind = kind
        relativeError = difference.relativeError
        cosine = difference.cosine
        (firstMean, secondMean) = difference.means
        (firstDeviation, secondDeviation) = difference.deviations
    }
}

/// Why two networks could not be compared.
package enum DiffFailure: Error, Equatable, CustomStringConvertible {
    /// The networks have no layer with the same name and shape.
    case nothingInCommon(first: String, second: String)
    /// A number of images below 1.
    case noImages(found: Int)

    /// The message in one line.
    package var description: String {
        switch self {
        case .noImages(let found): "found \(found) images, expected at least 1"
        case .nothingInCommon(let first, let second):
            "\(first) and \(second): no layers of the same name and shape, expected two versions of one network"
        }
    }
}

/// One of two networks that are compared.
private struct Side {
    /// A node to compare, and the key that finds its counterpart in the other network.
    struct Layer {
        var node: Int
        var layer: String
        var key: String
        var kind: String
        var shape: Shape
    }

    let model: Model
    let split: Split
    let preprocessing: Preprocessing
    let network: Network
    let shapes: [Shape]
    let layers: [Layer]

    var imageSize: Int { shapes[0].count }

    init(_ model: Model, _ split: Split, _ preprocessing: Preprocessing?) throws {
        self.model = model
        self.split = split
        self.preprocessing = preprocessing ?? model.preprocessing
        let network = model.logits
        let shapes = try naming(model.path) {
            try model.checkGraph()
            return try network.shapes(forImage: split.shape)
        }
        let needed = network.nodesNeeded(for: Section(whole: network))
        var seen: [String: Int] = [:]
        layers = network.nodes.indices.filter { needed.contains($0) && $0 != 0 }.map { index in
            let node = network.nodes[index]
            // One layer may be several nodes, a convolution and its activation, or be called twice.
            let kind = node.operation.kind
            let name = "\(node.layer) \(kind)"
            seen[name, default: 0] += 1
            return Layer(
                node: index, layer: node.layer, key: "\(name) \(seen[name] ?? 0)", kind: kind,
                shape: shapes[index])
        }
        (self.network, self.shapes) = (network, shapes)
        try split.check(self.preprocessing)
    }

    func section(_ nodes: [Int], _ workers: Int) throws -> OneDNNSection {
        try naming(model.path) {
            try OneDNNSection(
                Section(from: [0], to: nodes), of: network, parameters: model.parameters,
                shapes: shapes, workers: workers)
        }
    }

    /// The values of the section's outputs for a range of the split's images.
    func values(
        _ section: OneDNNSection, _ shapes: [Shape], _ range: Range<Int>
    ) throws -> [ActivationStore] {
        let stores = try shapes.map { try ActivationStore(shape: $0, count: range.count) }
        let (split, preprocessing) = (split, preprocessing)
        try section.run(
            count: range.count,
            load: { images, buffers in
                let own = range.lowerBound + images.lowerBound..<range.lowerBound + images.upperBound
                try split.read(own, into: buffers[0], preprocessing: preprocessing)
            },
            store: { images, buffers in
                for (store, buffer) in zip(stores, buffers) { store.store(images, buffer) }
            })
        return stores
    }
}

extension Networks.Operation {
    /// The kind of the operation. All norms have one kind, so that they match across a conversion.
    fileprivate var kind: String {
        switch self {
        case .convolution, .transposedConvolution: "convolution"
        case .dense: "dense"
        case .batchNorm, .groupNorm, .layerNorm: "norm"
        case .activation: "activation"
        case .add: "sum"
        default: "other"
        }
    }
}
