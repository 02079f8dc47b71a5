import CKernels
import Inference
import Networks
import Tensors

/// A batch norm whose gamma and beta are trained: how it takes one image's map forwards and back. Written only while no
/// worker runs or all of them wait.
final class TrainedBatchNorm: @unchecked Sendable {
    let norm: BatchNorm
    /// Where the norm stands in the network.
    let node: Int
    /// Whether it normalizes with the batch's statistics.
    let usesBatch: Bool
    private let positions: Int
    private let images: Int
    private var gamma: [Float]
    private var beta: [Float]
    private var mean: [Float]
    /// 1/√(variance + ε)
    private var factor: [Double]
    /// What is added to an image's mean to make it the statistics' mean exact to the double.
    private var shift: [Float] = []
    private var scale: [Float] = []
    /// dx = direct·dy + slope·(x − mean) + offset
    private var slope: [Float]
    private var offset: [Float]
    private let entered: ImageMoments
    private let returned: ImageSums

    /// Throws `InferenceError` for a parameter, and where a batch holds one value of each channel.
    init(
        _ norm: BatchNorm, node: Int, layer: String, map: Shape, mode: BatchNormMode, images: Int,
        _ weights: Weights
    ) throws {
        (self.norm, self.node, self.images) = (norm, node, images)
        usesBatch = mode == .batch
        positions = map.count / norm.channels
        guard !usesBatch || images * positions > 1 else { throw InferenceError.singleValue(layer: layer) }
        gamma = try weights.read(norm.gamma, count: norm.channels, else: 1)
        beta = try weights.read(norm.beta, count: norm.channels, else: 0)
        slope = [Float](repeating: 0, count: norm.channels)
        offset = slope
        entered = ImageMoments(images: usesBatch ? images : 0, positions: positions, channels: norm.channels)
        returned = ImageSums(images: usesBatch ? images : 0, channels: norm.channels)
        (mean, factor) = (slope, [])
        if !usesBatch {
            let variance = try weights.readVariance(norm.variance, count: norm.channels)
            mean = try weights.read(norm.mean, count: norm.channels)
            factor = variance.map { 1 / (Double($0) + norm.epsilon).squareRoot() }
        }
        setAffine(means: mean.map(Double.init))
    }

    /// Makes these the current gamma and beta; nil where one is not trained.
    func set(gamma: [Float]?, beta: [Float]?) {
        self.gamma = gamma ?? self.gamma
        self.beta = beta ?? self.beta
        if !usesBatch { setAffine(means: mean.map(Double.init)) }
    }

    private func setAffine(means: [Double]) {
        guard !factor.isEmpty else { return }
        scale = gamma.indices.map { Float(Double(gamma[$0]) * factor[$0]) }
        // What rounding the mean to Float leaves over goes into the shift.
        shift = means.indices.map {
            Float(Double(beta[$0]) - (means[$0] - Double(mean[$0])) * Double(gamma[$0]) * factor[$0])
        }
    }

    // MARK: Forwards

    /// Looks at the operand's maps of these images of the batch.
    func measure(_ images: Range<Int>, _ values: UnsafeBufferPointer<Float>) {
        entered.measure(images, values)
    }

    /// Takes the statistics of the batch that all images were measured of. Returns them.
    func takeStatistics() -> NormBatch {
        let batch = entered.statistics(of: 0..<images, of: node)
        mean = batch.mean.map { Float($0) }
        factor = batch.variance.map { 1 / ($0 + norm.epsilon).squareRoot() }
        setAffine(means: batch.mean)
        return batch
    }

    /// y = (x − mean)·scale + shift for one image.
    func run(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
        nc_normalize(x, nil, y, positions, norm.channels, mean, scale, shift, -.infinity, .infinity)
    }

    // MARK: Back

    /// Σdy and Σdy·(x − mean) by channel over one image's map.
    private func sums(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>
    ) -> (plain: [Double], products: [Double]) {
        var plain = [Double](repeating: 0, count: norm.channels)
        var products = plain
        var scratch = [Float](repeating: 0, count: 2 * norm.channels)
        nc_gradient_sums(x, dy, positions, norm.channels, mean, &plain, &products, &scratch)
        return (plain, products)
    }

    /// Looks at the gradient of one image of the batch.
    func measureGradient(_ image: Int, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>) {
        returned.set(image, sums(x, dy))
    }

    /// Takes the sums of the batch whose images were all measured, and adds gamma's and beta's gradients.
    func takeGradient(dgamma: UnsafeMutablePointer<Float>?, dbeta: UnsafeMutablePointer<Float>?) {
        let (plain, products) = returned.total()
        let count = Double(images * positions)
        for channel in 0..<norm.channels {
            let (factor, gamma) = (factor[channel], Double(gamma[channel]))
            dgamma?[channel] += Float(products[channel] * factor)
            dbeta?[channel] += Float(plain[channel])
            slope[channel] = Float(-gamma * factor * factor * factor * products[channel] / count)
            offset[channel] = Float(-gamma * factor * plain[channel] / count)
        }
    }

    /// Adds one image's gradients of gamma and beta, where running statistics normalize.
    func addGradient(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, dgamma: UnsafeMutablePointer<Float>?,
        dbeta: UnsafeMutablePointer<Float>?
    ) {
        let (plain, products) = sums(x, dy)
        for channel in 0..<norm.channels {
            dgamma?[channel] += Float(products[channel] * factor[channel])
            dbeta?[channel] += Float(plain[channel])
        }
    }

    /// Adds the gradient with respect to one image's map, behind `takeGradient` where the batch normalizes.
    func runBack(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>
    ) {
        nc_add_norm_gradient(x, dy, dx, positions, norm.channels, mean, scale, slope, offset)
    }
}
