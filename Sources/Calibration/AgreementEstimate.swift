import Conversion
import Foundation
import Inference
import Networks
import Tensors

/// How well a converted network is estimated to agree with the old one, without images.
package struct AgreementEstimate: Codable, Sendable, Equatable {
    /// Share of synthetic images to which both networks assign the same class.
    package var agreement: Double
    /// Squared error of the outputs on them, in units of how much the old network's vary.
    package var outputError: Double
    /// Synthetic images that it is measured on.
    package var images: Int
    /// Rows and columns of each.
    package var height: Int
    package var width: Int
    /// A recipe that is estimated to keep more; absent where none is known.
    package var better: Alternative?

    /// The agreement from which nothing better is looked for.
    package static let much = 0.9

    /// A share as a whole percentage: an estimate is no finer.
    package static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

    /// Another way to convert the network.
    package struct Alternative: Codable, Sendable, Equatable {
        /// The recipe's name.
        package var recipe: String
        /// The agreement that it is estimated to keep.
        package var agreement: Double

        /// A recipe, and what it keeps.
        package init(recipe: String, agreement: Double) {
            (self.recipe, self.agreement) = (recipe, agreement)
        }
    }
}

/// Images on which converted networks are compared with the old one.
package struct AgreementProbe: Sendable {
    private let network: Network
    private let shapes: [Shape]
    private let images: ActivationStore
    private let judge: HoldoutAgreement
    private let workers: Int
    /// Share of the images that the network puts into the class that synthetic images were made for.
    package let recognized: Double

    /// Prepares a comparison with a network, whose output is what it gives before a final softmax or sigmoid, on preprocessed
    /// images. `isSigmoid`: one output tells two classes.
    package init(
        _ network: Network, parameters: ParameterTable, images: ActivationStore, isSigmoid: Bool,
        workers: Int = ProcessInfo.processInfo.activeProcessorCount
    ) throws {
        shapes = try network.shapes(forImage: images.shape)
        (self.network, self.images, self.workers) = (network, images, workers)
        let outputs = try network.outputs(parameters, shapes, count: images.count, workers: workers) {
            images.load($0, $1)
        }
        let targets = ClassTargets(outputs: shapes[network.output].count, weight: 0)
        recognized = targets.recognized(in: outputs)
        judge = HoldoutAgreement(outputs, classes: shapes[network.output].count, isSigmoid: isSigmoid)
    }

    /// How many images there are.
    package var count: Int { images.count }

    /// What a conversion keeps.
    package func estimate(of plan: ConversionPlan, parameters: ParameterTable) throws -> AgreementEstimate {
        var converted = plan.network
        converted.output = network.output
        let table = try CalibratedParameters(plan, parameters: parameters).table
        let outputs = try converted.outputs(table, shapes, count: images.count, workers: workers) {
            images.load($0, $1)
        }
        let step = judge.judge("", outputs).step
        return AgreementEstimate(
            agreement: step.agreement, outputError: step.outputError, images: images.count,
            height: images.shape[0], width: images.shape[1])
    }
}

extension Network {
    /// The network's outputs for images that `load` writes, [images, outputs].
    func outputs(
        _ parameters: ParameterTable, _ shapes: [Shape], count: Int, workers: Int,
        load: @escaping @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws -> [Float] {
        let engine = try OneDNNSection(
            Section(whole: self), of: self, parameters: parameters, shapes: shapes, workers: workers)
        let results = try ActivationStore(shape: [shapes[output].count], count: count)
        try engine.run(count: count, load: { try load($0, $1[0]) }, store: { results.store($0, $1[0]) })
        return results.values(0..<count)
    }
}
