import Networks

/// What the group norm behind a convolution undoes, so that it is free: the sign of each filter, and how large it is. A group norm
/// takes away the mean of its channels over an image, and divides by their deviation; both are to vary little from image to image.
extension Planner {
    /// A filter's divisor is at most so much smaller than the usual one of its layer: a channel that hardly varies stays small.
    private static let leastShare = 0.01

    /// Whether filters may change their signs and sizes: only the norm behind the convolution reads what it gives.
    func mayTurn(_ index: Int, _ convolution: Convolution) -> Bool {
        (options.initialization == .noise || options.steadiness > 0) && contradicted[index] == nil
            && convolution.doubt == nil && pairs.normBehind[index] != nil
    }

    /// A change of filters with signs that keep the means of groups steady. Filters that are not standardized, by the conversion
    /// or by their layer, are scaled to outputs of equal deviation as well: none of a group counts for more than another.
    func turned(
        _ change: FilterChange?, _ convolution: Convolution, _ geometry: KernelGeometry, _ norm: NormBehind
    ) throws -> FilterChange {
        let sizes =
            convolution.standardization == nil
            ? equalizing(norm.statistics) : norm.statistics.mean.map { _ in 1 }
        let change = change ?? FilterChange(dividing: geometry, by: sizes)
        let moved = norm.statistics.moved(by: change.meanShift, dividedBy: change.divisor)
        let deviations = moved.variance.map { max($0, 0).squareRoot() }
        let signs = try inGroups(norm, deviations) { size, samples in
            guard let samples else {
                return (0..<size).map { Self.alternating($0, period: size > 2 ? 2 : 1) }
            }
            return groupSigns(samples: samples, size: size)
        }
        return change.turned(signs)
    }

    /// The means that channels are to have where they enter the norm: 0, or K deviations of the group with signs that alternate,
    /// so that they add up to 0 and do not go with those of filters.
    func steadyMeans(
        _ index: Int, _ convolution: Convolution, _ statistics: ChannelStatistics, _ norm: NormBehind
    ) throws -> [Double] {
        guard options.steadiness > 0, mayTurn(index, convolution) else {
            return [Double](repeating: 0, count: statistics.mean.count)
        }
        // Turned channels: a sample's mean of a channel is that of the old channel with the filter's sign.
        let deviations = zip(statistics.variance, statistics.sign).map { max($0, 0).squareRoot() * $1 }
        let alternating = try inGroups(norm, deviations) { size, samples in
            guard let samples else { return (0..<size).map { Self.alternating($0, period: 1) } }
            return balancedSigns(samples: samples, size: size)
        }
        let size = alternating.count / (try groups(norm))
        return alternating.indices.map { channel in
            let group = channel / size * size..<(channel / size + 1) * size
            let mean = group.reduce(0) { $0 + alternating[$1] } / Double(size)
            let variance = group.reduce(0) { $0 + statistics.variance[$1] } / Double(size)
            return options.steadiness * variance.squareRoot() * (alternating[channel] - mean)
        }
    }

    /// 1 and −1 in turn, each `period` times.
    private static func alternating(_ place: Int, period: Int) -> Double {
        place / period % 2 == 0 ? 1 : -1
    }

    /// Divisors that give all channels of a layer the same deviation, the root mean square of the old ones.
    private func equalizing(_ statistics: ChannelStatistics) -> [Double] {
        let variances = zip(statistics.variance, statistics.epsilon).map { $0 + $1 }
        let usual = variances.reduce(0, +) / Double(max(variances.count, 1))
        guard usual > 0 else { return variances.map { _ in 1 } }
        return variances.map { max(($0 / usual).squareRoot(), Self.leastShare) }
    }

    private func groups(_ norm: NormBehind) throws -> Int {
        try options.groups(
            channels: norm.statistics.mean.count, layer: source.nodes[norm.index].layer)
    }

    /// What `body` gives for each group of a norm, one after another. It gets the group's size, and where it was measured, the means of
    /// the group's channels over images, [images][channels], times `deviations`.
    private func inGroups(
        _ norm: NormBehind, _ deviations: [Double], _ body: (Int, [[Double]]?) -> [Double]
    ) throws -> [Double] {
        let groups = try groups(norm)
        let size = deviations.count / groups
        var samples: [[Double]]?
        if case .batchNorm(let batchNorm) = source.nodes[norm.index].operation {
            samples = measured?.imageMeans[batchNorm.mean]
        }
        return (0..<groups).flatMap { group in
            let channels = group * size..<(group + 1) * size
            return body(size, samples?.map { image in channels.map { image[$0] * deviations[$0] } })
        }
    }
}
