/// The layers that nothing else is left for than to stand before a norm, if every norm stands directly after a layer of
/// its own. Whatever has as many outputs as a norm has channels may be that layer: convolutions of any kind and dense
/// layers.
struct PairElimination {
    /// Norm → the layer before it, both by their places in the file.
    private(set) var layerBefore: [Int: Int] = [:]
    /// Norm → the layers that may precede it, by the file's order.
    private(set) var candidates: [Int: Set<Int>]?

    /// - Parameters:
    ///   - norms: Channels of the norms, by their places.
    ///   - outputs: For each layer of the file, the numbers of outputs that it may have; empty for norms.
    ///   - isTopological: Whether every layer stands after those that it reads.
    init(norms: [Int: Int], outputs: [Set<Int>], isTopological: Bool) {
        candidates = isTopological ? [:] : nil
        for channels in Set(norms.values) {
            let members = norms.filter { $0.value == channels }.keys.sorted()
            let layers = outputs.indices.filter { outputs[$0].contains(channels) }
            if isTopological {
                walk(members, layers)
            } else if members.count == 1, layers.count == 1 {
                layerBefore[members[0]] = layers[0]
            }
        }
    }

    /// Norms of one width and what may stand before them, both in file order. A norm takes one of the layers before it;
    /// where as many norms wait as layers are left, these layers are taken, one for one.
    private mutating func walk(_ norms: [Int], _ layers: [Int]) {
        var (left, rest) = ([Int](), layers[...])
        var waiting = 0
        var found: [Int: Int] = [:]
        var possible: [Int: Set<Int>] = [:]
        for norm in norms {
            left += rest.prefix { $0 < norm }
            rest = rest.drop { $0 < norm }
            possible[norm] = Set(left)
            waiting += 1
            // More norms than layers: some follow something else, and it is unknown which.
            guard waiting <= left.count else { return }
            if waiting == left.count {
                if waiting == 1 { found[norm] = left[0] }
                (left, waiting) = ([], 0)
            }
        }
        layerBefore.merge(found) { first, _ in first }
        candidates?.merge(possible) { first, _ in first }
    }
}
