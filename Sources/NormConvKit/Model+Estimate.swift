import Calibration
import Conversion
import Datasets
import Foundation
import Inference
import Networks
import Tensors

/// Why the agreement of a conversion is not estimated.
package enum EstimateRefusal: Error, Equatable, CustomStringConvertible {
    /// Volumes, which are not synthesized.
    case volumes
    /// The images do not become what the network was trained on.
    case distant
    /// The images do not get the classes that they are made for.
    case unrecognized(percent: Int)
    /// More than a minute's work.
    case dear(seconds: Int)

    /// One line for people.
    package var description: String {
        switch self {
        case .volumes: "there are no synthetic images for networks of volumes"
        case .distant: "synthetic images do not reach the network's stored statistics"
        case .unrecognized(let percent):
            "only \(percent) % of the synthetic images get the class that they are made for"
        case .dear(let seconds):
            "it would take about \(seconds) seconds; --min-agreement P does it nevertheless"
        }
    }
}

extension Model {
    /// Seconds, by estimate, that an estimate may take without being asked for.
    private static let patience = 60.0
    /// Steps of an estimate's images.
    private static let estimateSteps = 30
    /// How far the images' statistics may be from the stored ones, for each norm.
    private static let nearEnough = 0.25
    /// Share of the images that this network has to put into the class that they were made for.
    private static let fewestRecognized = 0.7

    /// Synthetic images on which conversions are compared with this network: mixtures of two of its classes, with the stored
    /// statistics.
    ///
    /// - Parameters:
    ///   - preprocessing: what pixels are kept to; what goes with the network where it is nil.
    ///   - isPatient: whether the images may take longer than a minute.
    ///   - workers: threads; the images do not depend on it.
    ///   - progress: is told how far it is.
    /// - Throws: `EstimateRefusal` or another reason why there is no estimate.
    package func agreementProbe(
        preprocessing: Preprocessing? = nil, isPatient: Bool = false, memory: Int = 4 << 30,
        workers: Int? = nil, progress: (CalibrationProgress) -> Void = { _ in }
    ) throws -> AgreementProbe {
        try checkClasses(imageShape: imageShape)
        guard network.input.dimensions < 3 else { throw EstimateRefusal.volumes }
        let calibration = CalibrationOptions(memory: memory, workers: workers)
        let preprocessing = preprocessing ?? self.preprocessing
        let budget = try synthesisBudget(
            SynthesisOptions(steps: Self.estimateSteps), for: .estimate, calibration, preprocessing)
        let network = logits
        let shapes = try network.shapes(height: budget.size.height, width: budget.size.width)
        let seconds =
            2 * network.multiplyAdds(shapes: shapes) * Double(budget.images * budget.steps)
            / CalibrationBudget.usualRate
        guard isPatient || seconds <= Self.patience else { throw EstimateRefusal.dear(seconds: Int(seconds)) }
        let (images, made) = try madeImages(budget, calibration, preprocessing, progress)
        guard made.lastLoss <= Self.nearEnough * Double(made.norms) else { throw EstimateRefusal.distant }
        let probe = try AgreementProbe(
            network, parameters: parameters, images: images, isSigmoid: tellsTwoBySigmoid,
            workers: workers ?? ProcessInfo.processInfo.activeProcessorCount)
        let recognized = probe.recognized
        guard recognized >= Self.fewestRecognized else {
            throw EstimateRefusal.unrecognized(percent: Int(recognized * 100))
        }
        return probe
    }

    /// Throws where outputs are no classes.
    func checkClasses(imageShape: Shape) throws {
        let outputs = try outputCount(imageShape: imageShape)
        guard !network.endsInFeatures else { throw EvaluationRefusal.noClassifier(output: [outputs]) }
        _ = try head(outputs: outputs)
    }

    private func madeImages(
        _ budget: SynthesisBudget, _ calibration: CalibrationOptions, _ preprocessing: Preprocessing,
        _ progress: (CalibrationProgress) -> Void
    ) throws -> (images: ActivationStore, report: SynthesisReport) {
        do {
            return try synthesis(budget, calibration, preprocessing).run { done, total in
                progress(
                    CalibrationProgress(
                        stage: "synthetic images", done: done, total: total,
                        share: Double(done) / Double(max(total, 1))))
            }
        } catch SynthesisFailure.distant {
            throw EstimateRefusal.distant
        }
    }
}
