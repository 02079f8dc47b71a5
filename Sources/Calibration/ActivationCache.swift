import Inference
import Networks
import Tensors

/// A network under way on all calibration images at once: it is computed as far as somebody asked, and holds the values
/// that are still needed from there.
final class ActivationCache {
    let network: Network
    let shapes: [Shape]
    let count: Int
    var parameters: ParameterTable
    private let precision: ActivationStore.Precision
    private let workers: Int
    private let consumers: [[Int]]
    private var computed: Set<Int>
    private var stores: [Int: ActivationStore]

    /// A network at its input.
    init(
        _ network: Network, parameters: ParameterTable, shapes: [Shape], images: ActivationStore,
        precision: ActivationStore.Precision, workers: Int
    ) {
        self.network = network
        self.parameters = parameters
        self.shapes = shapes
        self.precision = precision
        self.workers = workers
        count = images.count
        consumers = network.consumers
        computed = [0]
        stores = [0: images]
    }

    /// The values of a node that is asked for and still needed.
    subscript(_ node: Int) -> ActivationStore? { stores[node] }

    /// Computes these nodes and everything before them, and keeps their values for now.
    func advance(to nodes: [Int]) throws {
        let missing = nodes.filter { stores[$0] == nil }
        guard !missing.isEmpty else { return }
        let whole = Section(from: Array(stores.keys), to: missing)
        let new = network.nodesNeeded(for: whole).subtracting(stores.keys)
        let after = computed.union(new)
        // What is computed on the way and read later is kept too.
        let kept = new.filter { node in
            missing.contains(node) || consumers[node].contains { !after.contains($0) }
        }.sorted()
        let inputs = network.nodesNeeded(for: whole).intersection(stores.keys).sorted()
        try run(Section(from: inputs, to: kept), images: Array(0..<count))
        computed = after
    }

    /// Computes one node, anew or for the first time, from operands that are there, for all images or some.
    func recompute(_ node: Int, images: [Int]? = nil) throws {
        let section = Section(from: Array(Set(network.nodes[node].inputs)).sorted(), to: [node])
        try run(section, images: images ?? Array(0..<count))
        computed.insert(node)
    }

    private func run(_ section: Section, images: [Int]) throws {
        var results: [ActivationStore] = []
        for node in section.outputs {
            results.append(
                try stores[node] ?? ActivationStore(shape: shapes[node], count: count, precision: precision))
        }
        let operands = section.inputs.compactMap { stores[$0] }
        let engine = try OneDNNSection(
            section, of: network, parameters: parameters, shapes: shapes, workers: workers)
        try engine.run(
            count: images.count,
            load: { range, buffers in
                for (store, buffer) in zip(operands, buffers) { store.load(images[range], buffer) }
            },
            store: { [results] range, buffers in
                for (store, buffer) in zip(results, buffers) { store.store(images[range], buffer) }
            })
        for (node, store) in zip(section.outputs, results) { stores[node] = store }
    }

    /// The same network, as far under way, on other images.
    func moved(to images: ActivationStore) throws -> ActivationCache {
        let cache = ActivationCache(
            network, parameters: parameters, shapes: shapes, images: images, precision: precision,
            workers: workers)
        let live = stores.keys.filter { $0 != 0 }.sorted()
        // What is not read again makes room first.
        stores = [:]
        if !live.isEmpty { try cache.run(Section(from: [0], to: live), images: Array(0..<cache.count)) }
        cache.computed = computed
        cache.release()
        return cache
    }

    /// Lets go of values that nothing after these nodes needs: their own are kept as long as somebody reads them.
    func release() {
        for node in stores.keys where consumers[node].allSatisfy(computed.contains) && node != network.output
        {
            stores[node] = nil
        }
    }

    /// The sum of some nodes' values; nil for none.
    func sum(_ nodes: [Int]) throws -> ActivationStore? {
        let terms = nodes.compactMap { stores[$0] }
        guard let first = terms.first, terms.count > 1 else { return terms.first }
        let total = try ActivationStore(shape: first.shape, count: count, precision: precision)
        for image in 0..<count {
            var values = first.values(image..<image + 1)
            for term in terms.dropFirst() {
                let more = term.values(image..<image + 1)
                for index in values.indices { values[index] += more[index] }
            }
            values.withUnsafeBufferPointer { total.store(image..<image + 1, $0) }
        }
        return total
    }
}
