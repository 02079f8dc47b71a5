import Inference
import Networks

/// What a layer's output is fitted to: the value of the old network's node `end`, from which the new network's values of
/// `others` are taken away.
struct FitTarget: Equatable {
    /// The layer itself, or the sum that it feeds.
    var end: Int
    /// The sum's other operands.
    var others: [Int] = []
    /// Whether a ReLU follows.
    var hasReLU = false
}

extension LayerwiseCalibrator {
    /// A layer that feeds a sum is fitted to the old network's sum minus what the other operands are in the new
    /// network, where these can be had already: it then makes up for what they could not keep. Errors would add up
    /// along the shortcuts otherwise.
    func fitTarget(of index: Int) -> FitTarget {
        guard index != source.output, consumers[index].count == 1, let next = consumers[index].first else {
            return FitTarget(end: index)
        }
        switch source.nodes[next].operation {
        case .activation(.relu): return FitTarget(end: index, hasReLU: true)
        case .add:
            let inputs = source.nodes[next].inputs
            let others = inputs.filter { $0 != index }
            guard others.count == inputs.count - 1,
                inputs.allSatisfy({ student.shapes[$0] == student.shapes[next] }),
                others.allSatisfy({ isFitted($0, before: index) })
            else { return FitTarget(end: index) }
            return FitTarget(end: next, others: others, hasReLU: feedsReLU(next))
        default: return FitTarget(end: index)
        }
    }

    private func feedsReLU(_ index: Int) -> Bool {
        guard index != source.output, consumers[index].count == 1, let next = consumers[index].first,
            case .activation(.relu) = source.nodes[next].operation
        else { return false }
        return true
    }

    /// Whether everything that a node depends on has been visited when the calibrator comes to `index`.
    private func isFitted(_ node: Int, before index: Int) -> Bool {
        node < index
            || source.nodesNeeded(for: Section(from: [0], to: [node])).allSatisfy {
                $0 < index || source.nodes[$0].operation.parameters.isEmpty
            }
    }
}
