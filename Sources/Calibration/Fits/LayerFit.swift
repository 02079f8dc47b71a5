import Conversion
import Inference
import Networks
import Tensors

/// Least squares fits of a convolution's filters, or a dense layer's, to what its outputs are to be, in the metric of
/// what enters it in the new network.
struct LayerFit {
    private let convolution: Convolution
    private let moments: [LinearMoments]
    private var solvers: [Reconstruction]
    /// The old network's filters, [outputs, inputs / groups, rows, columns].
    private let old: [Double]

    /// Workers that sum for a fit at once.
    static let workerLimit = 4

    /// Bytes that the systems of a layer's fit take: three matrices in Double, a factor, and four workers' products. What
    /// is fitted must not depend on how many there are; no more of them sum at once.
    static func bytes(_ convolution: Convolution) -> Int {
        let size = convolution.filterSize
        let (square, overflow) = size.multipliedReportingOverflow(by: size)
        let (bytes, more) = square.multipliedReportingOverflow(
            by: convolution.groups * (24 + 4 * workerLimit))
        return overflow || more ? .max : bytes + convolution.groups * SymmetricSystem.bytes(order: size)
    }

    /// Sums over some images, and factorizes.
    ///
    /// - Parameters:
    ///   - source: what enters the layer, and what is to leave it.
    ///   - kernel: the old network's kernel.
    ///   - ridge: λ of the fit, in units of the mean variance of an input.
    ///   - effort: what sums over positions may cost, in units of the layer itself.
    init(
        _ source: MomentSource, kernel: Parameter?, ridge: Double, effort: Double, images: [Int],
        workers: Int,
        solving: Stopwatch
    ) throws {
        convolution = source.convolution
        guard let kernel else { throw InferenceError.missingParameter(convolution.kernel) }
        let sums = try source.sums(
            images: images, stride: source.samplingStride(images: images.count, effort: effort),
            workers: min(workers, Self.workerLimit))
        moments = sums.map(LinearMoments.init)
        solvers = try Self.solvers(moments, ridge: ridge, workers: workers, solving: solving)
        old = convolution.filters(try kernel.read().values).map(Double.init)
    }

    /// The same sums with another λ.
    func with(ridge: Double, workers: Int, solving: Stopwatch) throws -> LayerFit {
        var fit = self
        fit.solvers = try Self.solvers(moments, ridge: ridge, workers: workers, solving: solving)
        return fit
    }

    private static func solvers(
        _ moments: [LinearMoments], ridge: Double, workers: Int, solving: Stopwatch
    ) throws -> [Reconstruction] {
        try solving.measure {
            try moments.map {
                try Reconstruction(
                    covariance: $0.covariance, size: $0.inputs, ridge: ridge, threads: workers)
            }
        }
    }

    private func eachGroup(_ values: [Double], _ body: (Int, [Double]) -> [Double]) -> [Double] {
        let size = values.count / convolution.groups
        return (0..<convolution.groups).flatMap { body($0, Array(values[$0 * size..<($0 + 1) * size])) }
    }

    /// The filters that fit best near the old network's.
    func filters(keepsZeroMean: Bool) -> [Double] {
        eachGroup(old) { group, filters in
            solvers[group].filters(
                near: filters, crossCovariance: moments[group].crossCovariance, keepsZeroMean: keepsZeroMean)
        }
    }

    /// A change of the filters against a gradient, in the metric of the inputs.
    func naturalStep(_ gradient: [Double], keepsZeroMean: Bool) -> [Double] {
        eachGroup(gradient) { solvers[$0].naturalStep($1, keepsZeroMean: keepsZeroMean) }
    }

    /// The mean of each output without a bias.
    func outputMean(_ filters: [Double]) -> [Double] {
        eachGroup(filters) { group, filters in
            let size = convolution.filterSize
            return (0..<filters.count / size).map { output in
                (0..<size).reduce(0) { $0 + filters[output * size + $1] * moments[group].inputMean[$1] }
            }
        }
    }

    /// The bias with which these filters give the outputs the means that they are to have.
    func bias(_ filters: [Double]) -> [Double] {
        zip(moments.flatMap(\.outputMean), outputMean(filters)).map { $0 - $1 }
    }
}

extension MomentSource {
    /// Every how many positions to sample so that products for the covariances cost no more than allowed, but about
    /// four positions for each weight of a filter are seen, in every column of the map.
    func samplingStride(images: Int, effort: Double) -> Int {
        let positions = images * (outputs.count / convolution.outputs)
        // One position an image: every image counts.
        guard positions > images else { return 1 }
        let perGroup = convolution.outputs / convolution.groups
        let size = convolution.filterSize
        let asCheap = Int(effort * Double(positions * perGroup / (size + perGroup)))
        var stride = max(1, positions / max(asCheap, 4 * size, 1))
        while greatestCommonDivisor(stride, outputs.asMap[1]) > 1 { stride += 1 }
        return stride
    }
}
