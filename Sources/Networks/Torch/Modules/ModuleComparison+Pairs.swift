extension ModuleComparison {
    /// Pairs of a convolution and the norm that reads it between which a module may stand that is not the network's.
    ///
    /// A module is called by the innermost block around it, and the network tells where its blocks are called. So nothing gets
    /// between two layers but what is called by a block around one of them, in the innermost block around both.
    var doubtfulPairs: [LooseNorm] {
        guard !replaced.isEmpty || !changed.isEmpty else { return [] }
        let blocks = Blocks(network, modules)
        let changed = Set(changed.map(blocks.innermost))
        let pairs = ConvolutionNormPairs(network).convolutionBefore.sorted { $0.key < $1.key }
        return pairs.compactMap { norm, convolution in
            let paths = [norm, convolution].compactMap { network.nodes[$0].path }
            let isDoubtful =
                paths.contains(where: replaced.contains)
                || changed.contains { block in
                    paths.contains { $0.isInside(block) } && block.isInside(blocks.innermost(around: paths))
                }
            return isDoubtful
                ? LooseNorm(norm: norm, convolution: convolution, basis: .assumed(because: .names)) : nil
        }
    }
}

/// The modules whose code decides when layers of the network are called. Lists have none, and what is in an `nn.Sequential`
/// may also be called by the module around it.
private struct Blocks {
    private let modules: RecordedModules
    /// Modules around layers with parameters.
    private let holders: Set<String>

    init(_ network: Network, _ modules: RecordedModules) {
        self.modules = modules
        var holders: Set<String> = []
        for path in network.nodes.compactMap(\.path) {
            var holder = RecordedModules.parent(path)
            while holders.insert(holder).inserted { holder = RecordedModules.parent(holder) }
        }
        self.holders = holders
    }

    /// The innermost block that a module is, or is in; empty for the outermost.
    func innermost(_ path: String) -> String {
        let lists = ["Sequential", "ModuleList", "ModuleDict"]
        var block = path
        while !block.isEmpty,
            !holders.contains(block) || modules[block].map({ lists.contains($0.className) }) ?? false
        {
            block = RecordedModules.parent(block)
        }
        return block
    }

    /// The innermost block around all of these.
    func innermost(around paths: [String]) -> String {
        var around = paths.first.map(RecordedModules.parent) ?? ""
        while !paths.allSatisfy({ $0.isInside(around) }) { around = RecordedModules.parent(around) }
        return innermost(around)
    }
}

extension Node {
    /// The path of its module, if it has parameters.
    fileprivate var path: String? { operation.parameters.first.map(RecordedModules.parent) }
}

extension String {
    /// Whether a module is another one or in it.
    fileprivate func isInside(_ block: String) -> Bool {
        block.isEmpty || self == block || hasPrefix("\(block).")
    }
}
