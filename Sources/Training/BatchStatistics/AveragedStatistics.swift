/// What enters a batch norm in one batch: mean and biased variance of each channel.
package struct NormBatch: Sendable, Equatable {
    /// The norm's node.
    package var node: Int
    /// Means by channel.
    package var mean: [Double]
    /// Biased variances by channel.
    package var variance: [Double]
    /// Values of a channel: images × rows × columns.
    package var count: Int
}

/// Averages over batches of batch means and variances, all batches weighing the same: PyTorch's running statistics with
/// `momentum=None`, and what fvcore's `update_bn_stats` computes with its mean of batch variances.
package struct AveragedStatistics: Sendable {
    private struct Sum {
        var mean: [Double]
        var variance: [Double]
        var batches = 0
    }

    private var sums: [String: Sum] = [:]

    /// Nothing yet.
    package init() {}

    /// Adds a batch of the norm with this name. A norm that is called several times has several for each batch of images.
    /// `isUnbiased` multiplies its variances by N/(N − 1), Bessel's correction, where N is the batch's `count`: as PyTorch
    /// does in running variances.
    package mutating func add(_ batch: NormBatch, of norm: String, isUnbiased: Bool) {
        var sum = sums[norm] ?? Sum(mean: batch.mean.map { _ in 0 }, variance: batch.variance.map { _ in 0 })
        // A single value has no unbiased variance: 0/0 shows in `average`.
        let factor = isUnbiased ? Double(batch.count) / Double(batch.count - 1) : 1
        for channel in batch.mean.indices {
            sum.mean[channel] += batch.mean[channel]
            sum.variance[channel] += batch.variance[channel] * factor
        }
        sum.batches += 1
        sums[norm] = sum
    }

    /// The averages of a norm; nil where no batch came.
    package func average(of norm: String) -> (mean: [Double], variance: [Double])? {
        sums[norm].map { sum in
            let scale = 1 / Double(sum.batches)
            return (sum.mean.map { $0 * scale }, sum.variance.map { $0 * scale })
        }
    }
}
