import Networks
import Tensors

/// Zeros around maps, and pools, which see them as convolutions do.
extension Lowering {
    /// The zeros of a padding node that the one node after it sees as its own margin; nil for other nodes.
    func absorbedMargins(of node: Int) -> Margins? {
        guard absorbedMargins.contains(node), case .zeroPad(let margins) = network.nodes[node].operation
        else {
            return nil
        }
        return margins
    }

    mutating func lower(_ pool: Pool, at index: Int) {
        var source = network.nodes[index].inputs[0]
        var margins = pool.resolvedMargins(of: shapes[source].mapExtent)
        var countsMargins = false
        if let more = absorbedMargins(of: source) {
            (margins, countsMargins) = (more, true)
            source = network.nodes[source].inputs[0]
        }
        let step = PoolStep(
            pool: pool, input: shapes[source], output: shapes[index], margins: margins,
            countsMargins: countsMargins)
        emit(.pool(step), of: index, [value(of: source)], for: index)
    }

    /// Zeros around a map cost nothing where the one node after them can see them as its own margin.
    mutating func lower(_ margins: Margins, at index: Int) {
        if let next = onlyConsumer(of: index), network.nodes[next].operation.absorbsMargins {
            absorbedMargins.insert(index)
            values[index] = value(of: network.nodes[index].inputs[0])
        } else {
            emit(.zeroPad(margins, from: shapes[network.nodes[index].inputs[0]]), for: index)
        }
    }
}

extension Operation {
    /// Whether zeros around the operand can be had as the operation's own margin.
    fileprivate var absorbsMargins: Bool {
        switch self {
        case .convolution(let convolution): convolution.padding != .same
        case .pool(let pool): pool.padding == .valid
        default: false
        }
    }
}

extension Margins {
    static func + (a: Margins, b: Margins) -> Margins {
        Margins(zip(a.sides, b.sides).map { ($0[0] + $1[0], $0[1] + $1[1]) })
    }
}
