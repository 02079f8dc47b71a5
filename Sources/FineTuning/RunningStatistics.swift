import Inference
import Networks
import Tensors
import Training

/// The running means and variances of a network's batch norms while it is trained: new = (1 − momentum)·old + momentum·batch.
struct RunningStatistics: Sendable {
    private var values: [String: [Float]] = [:]
    private var norms: [Int: BatchNorm] = [:]
    private let momentum: Double
    private let isUnbiased: Bool

    /// Those of a checkpoint. `isUnbiased`: batch variances are multiplied by N/(N − 1) for N values, as PyTorch does.
    init(_ network: Network, _ parameters: ParameterTable, momentum: Double, isUnbiased: Bool) throws {
        (self.momentum, self.isUnbiased) = (momentum, isUnbiased)
        let weights = Weights(parameters)
        for (index, node) in network.nodes.enumerated() {
            guard case .batchNorm(let norm) = node.operation else { continue }
            norms[index] = norm
            values[norm.mean] = try weights.read(norm.mean, count: norm.channels)
            values[norm.variance] = try weights.readVariance(norm.variance, count: norm.channels)
        }
    }

    /// Takes in a batch.
    mutating func add(_ batch: NormBatch) {
        guard let norm = norms[batch.node] else { return }
        let factor = isUnbiased && batch.count > 1 ? Double(batch.count) / Double(batch.count - 1) : 1
        blend(norm.mean, batch.mean)
        blend(norm.variance, batch.variance.map { $0 * factor })
    }

    private mutating func blend(_ name: String, _ batch: [Double]) {
        guard let old = values[name] else { return }
        values[name] = zip(old, batch).map { Float((1 - momentum) * Double($0) + momentum * $1) }
    }

    /// All statistics by parameter name.
    var tensors: [String: Tensor] { values.mapValues { Tensor($0) } }

    /// Names in order, for snapshots.
    var names: [String] { values.keys.sorted() }

    /// The values in the order of `names`.
    var snapshot: [[Float]] { names.compactMap { values[$0] } }

    /// Goes on with other values, in the order of `names`.
    mutating func resume(_ snapshot: [[Float]]) {
        for (name, own) in zip(names, snapshot) { values[name] = own }
    }
}
