import Networks

/// Part of a network: from nodes whose values are given to nodes whose values are wanted.
///
/// The inputs cut the network: everything that the outputs depend on is an input or follows from inputs alone.
package struct Section: Sendable, Equatable {
    /// Nodes whose values are given.
    package var inputs: [Int]
    /// Nodes whose values are wanted.
    package var outputs: [Int]

    /// A section between nodes.
    package init(from inputs: [Int], to outputs: [Int]) {
        self.inputs = inputs
        self.outputs = outputs
    }

    /// A network from its images to its output.
    package init(whole network: Network) { self.init(from: [0], to: [network.output]) }
}

extension Network {
    /// The nodes that a section's outputs depend on, as far back as its inputs.
    package func nodesNeeded(for section: Section) -> Set<Int> {
        let given = Set(section.inputs)
        var needed: Set<Int> = []
        var open = section.outputs
        while let index = open.popLast() {
            if needed.insert(index).inserted, !given.contains(index) { open += nodes[index].inputs }
        }
        return needed
    }
}
