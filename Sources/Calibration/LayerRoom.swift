import Inference
import Networks
import Tensors

/// How many images' values the memory holds while layers are fitted. Maps grow smaller on the way through a network: where not all
/// images fit, the first layers are fitted to some of them, later layers to more.
struct LayerRoom {
    /// How values are kept.
    let precision: ActivationStore.Precision
    /// For each node, how many images may be live from before it on.
    private let counts: [Int]

    /// Bytes of values up to which they are kept in single precision.
    private static let mostSingle = 1 << 30
    /// The least images: with fewer, a layer's fit is worth nothing, and more memory is used.
    private static let least = 32

    /// The room for both networks' values of so many images. Half of `memory` is theirs, the other half is for sums, systems of
    /// equations and training.
    init(_ network: Network, _ shapes: [Shape], images: Int, memory: Int) {
        let live = network.liveValues(shapes)
        let most = 2 * (live.max() ?? 0) * MemoryLayout<Float>.size
        precision = most * images > min(Self.mostSingle, memory / 2) ? .half : .single
        let size = precision == .half ? 2 : 4
        var counts = live
        var behind = 1
        for index in live.indices.reversed() {
            // What stood before it is live while it is computed.
            behind = max(behind, live[index], live[max(index - 1, 0)])
            counts[index] = min(max(memory / 2 / (2 * behind * size), Self.least), images)
        }
        self.counts = counts
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
