/// A function of each element, softmax apart.
package enum Activation: Sendable, Equatable {
    /// max(x, 0)
    case relu
    /// min(max(x, 0), limit)
    case clippedReLU(limit: Float)
    /// x where positive, slope·x elsewhere
    case leakyReLU(slope: Float)
    /// Above the threshold x, with a limit min(max(x, 0), limit); elsewhere slope·(x − threshold): Keras' ReLU with all
    /// its settings
    case thresholdedReLU(slope: Float, threshold: Float, limit: Float?)
    /// 1 / (1 + e⁻ˣ)
    case sigmoid
    /// tanh x
    case tanh
    /// x / (1 + e⁻ˣ), also called SiLU
    case swish
    /// x where positive, alpha·(eˣ − 1) elsewhere (Clevert et al. 2016)
    case elu(alpha: Float)
    /// scale·x where positive, scale·alpha·(eˣ − 1) elsewhere, with the constants of Klambauer et al. (2017)
    case selu
    /// x·Φ(x), Φ the Gaussian distribution function (Hendrycks & Gimpel 2016)
    case gelu
    /// x/2·(1 + tanh(√(2/π)·(x + 0.044715x³))), which approximates `gelu`
    case approximateGELU
    /// min(max(slope·x + 1/2, 0), 1): a slope of 1/6 in Keras 3 and PyTorch, of 1/5 in Keras 1 and 2
    case hardSigmoid(slope: Double)
    /// x·min(max(x + 3, 0), 6)/6, also called hard SiLU (Howard et al. 2019)
    case hardSwish
    /// x·tanh(ln(1 + eˣ)) (Misra 2019)
    case mish
    /// ln(1 + eˣ)
    case softplus
    /// x / (1 + |x|)
    case softsign
    /// eˣ
    case exponential
    /// eˣ / Σ eˣ over the innermost dimension
    case softmax
}
