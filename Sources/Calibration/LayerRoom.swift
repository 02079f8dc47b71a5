import Inference
import Networks
import Tensors

/// How many images' values the memory holds while layers are fitted. Maps grow smaller on the way through a network: where not all
/// images fit, the first layers are fitted to some of them, later layers to more.
struct LayerRoom {
    /// How values are kept.
    let precision: ActivationStore.Precision
    /// For each node, how many images may be live from the norm before it on.
    private let counts: [Int]

    /// Bytes of values up to which they are kept in single precision.
    private static let mostSingle = 1 << 30
    /// The least images, mirror images and held-out ones included. Fewer would make a fit worthless; if even these do not fit,
    /// the limit is exceeded.
    private static let least = 32

    /// The room for both networks' values of so many images in `memory` bytes.
    init(_ network: Network, _ shapes: [Shape], images: Int, memory: Int) {
        let live = network.liveValues(shapes)
        let bytes = 2 * (live.max() ?? 0) * MemoryLayout<Float>.size
        precision = bytes * images > min(Self.mostSingle, memory) ? .half : .single
        let size = precision == .half ? 2 : 4
        var most = live
        for index in live.indices.dropLast().reversed() { most[index] = max(most[index], most[index + 1]) }
        var visited = 0
        counts = live.indices.map { index in
            // What stood at the last visit is let go of at the next one only.
            defer { if case .batchNorm = network.nodes[index].operation { visited = index } }
            return min(max(memory / (2 * max(most[visited], 1) * size), Self.least), images)
        }
    }

    /// Images that may be live while a node and those behind it are computed.
    func images(from node: Int) -> Int { counts[node] }
}

extension Network {
    /// For each node, how many values of one image are still needed once it is computed, its own included.
    func liveValues(_ shapes: [Shape]) -> [Int] {
        var last = [Int](repeating: 0, count: shapes.count)
        for (index, node) in nodes.enumerated() { for input in node.inputs { last[input] = index } }
        return shapes.indices.map { index in
            (0...index).reduce(0) { $0 + ($1 == index || last[$1] >= index ? shapes[$1].count : 0) }
        }
    }
}
