extension ModuleComparison {
    /// Pairs of a convolution and the norm that reads it between which a module may stand that is not the network's.
    ///
    /// Modules are called by those around them. So nothing gets between two layers but what is in the innermost module around
    /// both; lists and `nn.Sequential` may also be gone through by the module around them.
    var doubtfulPairs: [LooseNorm] {
        guard !replaced.isEmpty || !strangers.isEmpty else { return [] }
        let pairs = ConvolutionNormPairs(network).convolutionBefore.sorted { $0.key < $1.key }
        return pairs.compactMap { norm, convolution in
            let paths = [norm, convolution].compactMap { index in
                network.nodes[index].operation.parameters.first.map(RecordedModules.parent)
            }
            let block = modules.block(around: paths)
            guard
                paths.contains(where: replaced.contains)
                    || strangers.contains(where: { RecordedModules.isInside($0, block) })
            else { return nil }
            return LooseNorm(norm: norm, convolution: convolution, basis: .assumed(because: .names))
        }
    }
}

extension RecordedModules {
    /// The innermost module around all of these whose code calls what is in it; empty for the outermost.
    fileprivate func block(around paths: [String]) -> String {
        let containers = ["Sequential", "ModuleList", "ModuleDict"]
        var block = paths.first.map(Self.parent) ?? ""
        while !block.isEmpty,
            !paths.allSatisfy({ Self.isInside($0, block) })
                || self[block].map({ containers.contains($0.className) }) ?? false
        {
            block = Self.parent(block)
        }
        return block
    }

    /// Whether a module is another one or in it.
    fileprivate static func isInside(_ path: String, _ block: String) -> Bool {
        block.isEmpty || path == block || path.hasPrefix("\(block).")
    }
}
