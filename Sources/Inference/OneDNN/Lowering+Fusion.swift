import Networks

/// What follows a node and becomes part of its step.
extension Lowering {
    /// What follows a node and can be done in the same step.
    struct Tail {
        var last: Int
        var residual: Int?
        var clamp = Clamp.none

        var operands: [Int] { residual.map { [$0] } ?? [] }
    }

    /// The sum with a value that is already there, then the clamp, as far as nothing else reads what is between.
    /// The nodes it takes count as done.
    mutating func tail(behind index: Int, overwritesResidual: Bool = false) -> Tail {
        var tail = Tail(last: index)
        if let next = onlyConsumer(of: index), case .add = network.nodes[next].operation,
            let other = otherOperand(of: next, than: index),
            !overwritesResidual || mayOverwrite(other, in: next)
        {
            (tail.last, tail.residual) = (next, values[other])
            done.insert(next)
        }
        if let next = onlyConsumer(of: tail.last), case .activation(let kind) = network.nodes[next].operation,
            let clamp = Clamp(kind)
        {
            (tail.last, tail.clamp) = (next, clamp)
            done.insert(next)
        }
        return tail
    }

    func onlyConsumer(of index: Int) -> Int? {
        !wanted.contains(index) && consumers[index].count == 1 ? consumers[index][0] : nil
    }

    /// The other operand of a sum of two of one shape, where its value is already computed.
    private func otherOperand(of sum: Int, than index: Int) -> Int? {
        let inputs = network.nodes[sum].inputs
        guard inputs.count == 2, shapes[inputs[0]] == shapes[inputs[1]], inputs[0] != inputs[1] else {
            return nil
        }
        let other = inputs[0] == index ? inputs[1] : inputs[0]
        return values[other] == nil ? nil : other
    }

    /// Whether a node's value is read by nothing that is still to come, but for the sum itself.
    private func mayOverwrite(_ index: Int, in sum: Int) -> Bool {
        let sharing = values.indices.filter { values[$0] == values[index] }
        return sharing.allSatisfy { node in
            !wanted.contains(node) && consumers[node].allSatisfy { $0 == sum || done.contains($0) }
        }
    }
}
