import Calibration
import Conversion
import Datasets
import Foundation
import Inference
import Networks
import Tensors

/// Why the agreement of a conversion is not estimated.
package enum EstimateRefusal: Error, Equatable, CustomStringConvertible {
    /// There are no classes to agree on.
    case noClassifier
    /// Volumes, which are not synthesized.
    case volumes
    /// The images do not become what the network was trained on.
    case distant
    /// More than a minute's work.
    case dear(seconds: Int)

    /// One line for people.
    package var description: String {
        switch self {
        case .noClassifier: "the network ends without a classifier"
        case .volumes: "there are no synthetic images for networks of volumes"
        case .distant: "synthetic images do not reach the network's stored statistics and classes"
        case .dear(let seconds):
            "it would take about \(seconds) seconds; --min-agreement 50 does it nevertheless"
        }
    }
}

extension Model {
    /// Multiply-adds a second of passes forwards and back on two cores with AVX-512.
    private static let rate = 1e11
    /// Seconds that nobody is made to wait without asking.
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
    ///   - isPatient: whether it may take longer than a minute.
    ///   - progress: is told how far it is.
    /// - Throws: `EstimateRefusal` or another reason why there is no estimate.
    package func agreementProbe(
        preprocessing: Preprocessing? = nil, isPatient: Bool = false, memory: Int = 4 << 30,
        progress: (CalibrationProgress) -> Void = { _ in }
    ) throws -> AgreementProbe {
        try checkGraph()
        guard network.input.dimensions < 3 else { throw EstimateRefusal.volumes }
        guard !network.endsInFeatures else { throw EstimateRefusal.noClassifier }
        let calibration = CalibrationOptions(memory: memory)
        let preprocessing = preprocessing ?? self.preprocessing
        let budget = try synthesisBudget(
            SynthesisOptions(steps: Self.estimateSteps), for: .estimate, calibration, preprocessing)
        let network = logits
        let shapes = try network.shapes(height: budget.size.height, width: budget.size.width)
        guard shapes[network.output].rank == 1 else { throw EstimateRefusal.noClassifier }
        let seconds =
            2 * network.multiplyAdds(shapes: shapes) * Double(budget.images * budget.steps) / Self.rate
        guard isPatient || seconds <= Self.patience else { throw EstimateRefusal.dear(seconds: Int(seconds)) }
        let (images, made) = try madeImages(budget, calibration, preprocessing, progress)
        let probe = try AgreementProbe(
            network, parameters: parameters, images: images, isSigmoid: tellsTwoBySigmoid)
        guard made.lastLoss <= Self.nearEnough * Double(made.norms), probe.recognized >= Self.fewestRecognized
        else { throw EstimateRefusal.distant }
        return probe
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
