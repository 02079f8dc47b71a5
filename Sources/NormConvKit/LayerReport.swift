import Conversion
import Networks

/// A converted norm, with the names of its parameters in the input's layout.
package struct NormReport: Codable, Sendable, Equatable {
    /// The layer's name.
    package var layer: String
    /// What the names of its parameters begin with: `layer1.0.bn1`.
    package var module: String
    /// Channels.
    package var channels: Int
    /// Groups of consecutive channels.
    package var groups: Int
    /// ε, added to the variance.
    package var epsilon: Double
    /// Gamma's name; nil where it is 1 and was not there before.
    package var gamma: String?
    /// Beta's name; nil where it is 0 and was not there before.
    package var beta: String?
}

/// What was done to a convolution, with the names of its parameters in the input's layout.
package struct ConvolutionReport: Codable, Sendable, Equatable {
    /// The layer's name.
    package var layer: String
    /// The kernel's name.
    package var kernel: String
    /// What was done to its weights: `standardized`, `changed` (signs or a fit) or `kept`.
    package var weights: String
    /// Why they were not standardized, where that was asked for.
    package var reason: String?
    /// The name of the bias that it got; nil where it got none.
    package var newBias: String?
}

extension ConversionPlan {
    /// The norms that it converts.
    var normReports: [NormReport] {
        var affine: [String: GroupNorm] = [:]
        for node in network.nodes {
            if case .groupNorm(let norm) = node.operation { affine[node.layer] = norm }
        }
        return norms.map { norm in
            NormReport(
                layer: norm.layer, module: norm.module, channels: norm.channels, groups: norm.groups,
                epsilon: norm.epsilon, gamma: affine[norm.layer]?.gamma, beta: affine[norm.layer]?.beta)
        }
    }

    /// The convolutions; one that is called twice stands once.
    var convolutionReports: [ConvolutionReport] {
        let reasons = Dictionary(
            report.leftAlone.map { ($0.layer, $0.reason.description) },
            uniquingKeysWith: { first, _ in first })
        let (standardized, biased) = (Set(report.standardized), Set(biasedConvolutions))
        var seen: Set<String> = []
        return network.nodes.compactMap { node in
            let names: (kernel: String, bias: String?)
            switch node.operation {
            case .convolution(let convolution): names = (convolution.kernel, convolution.bias)
            case .transposedConvolution(let convolution): names = (convolution.kernel, convolution.bias)
            default: return nil
            }
            guard seen.insert(names.kernel).inserted else { return nil }
            let isStandardized = standardized.contains(node.layer)
            return ConvolutionReport(
                layer: node.layer, kernel: names.kernel,
                weights: isStandardized ? "standardized" : edits[names.kernel] == nil ? "kept" : "changed",
                reason: isStandardized ? nil : reasons[node.layer],
                newBias: biased.contains(node.layer) ? names.bias : nil)
        }
    }
}
