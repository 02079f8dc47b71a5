import Networks
import Inference

/// A stage of a network that is cut at its batch norms, so that one can look at a whole batch before it goes on.
struct BatchNormCut: Equatable {
    /// From values that are there to the norm's operand, which is the first output, and others that are read later.
    var section: Section
    /// The norm at the end; nil for the last stage, which ends in the network's output.
    var norm: Int?
    /// The nodes whose values later stages read.
    var kept: Set<Int>
}

extension Network {
    /// Stages in order: one for each batch norm that the output depends on, and the rest.
    func cutAtBatchNorms() -> [BatchNormCut] {
        let needed = nodesNeeded(for: Section(whole: self))
        let norms = needed.sorted().filter { nodes[$0].operation.isBatchNorm }
        let consumers = consumers.map { $0.filter(needed.contains) }
        var (live, computed): (Set<Int>, Set<Int>) = ([0], [0])

        func stage(to end: Int, norm: Int?) -> BatchNormCut {
            let part = nodesNeeded(for: Section(from: Array(live), to: [end]))
            computed.formUnion(part)
            if let norm { computed.insert(norm) }
            let isRead = { (node: Int) in
                node == self.output || consumers[node].contains { !computed.contains($0) }
            }
            let more = part.subtracting(live).filter { $0 != end && isRead($0) }.sorted()
            let section = Section(from: part.intersection(live).sorted(), to: [end] + more)
            live = live.union(section.outputs).union(norm.map { [$0] } ?? []).filter(isRead)
            return BatchNormCut(section: section, norm: norm, kept: live)
        }
        return norms.map { stage(to: nodes[$0].inputs[0], norm: $0) } + [stage(to: output, norm: nil)]
    }

    /// How many batch norms the output depends on.
    package var batchNormCount: Int { cutAtBatchNorms().count - 1 }
}

extension Operation {
    package var isBatchNorm: Bool {
        if case .batchNorm = self { true } else { false }
    }
}
