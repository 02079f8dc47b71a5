import Calibration
import Conversion
import Foundation
import Networks
import Tensors

extension Model {
    /// What noise tells about the network, where the options ask for it.
    func measured(
        _ options: ConversionOptions, _ preprocessing: Preprocessing,
        _ progress: (CalibrationProgress) -> Void
    ) throws -> MeasuredStatistics? {
        guard options.initialization == .noise else { return nil }
        // What the options get wrong is told before anything is measured.
        _ = try planConversion(of: network, parameters: stored, options: options)
        return try measureNoise(options.standardization != .off, preprocessing, progress)
    }

    /// What noise tells about the network; `findsDirections`: also how filters reach mean 0.
    func measureNoise(
        _ findsDirections: Bool, _ preprocessing: Preprocessing, _ progress: (CalibrationProgress) -> Void
    ) throws -> MeasuredStatistics {
        do { try checkGraph() } catch let refusal as EvaluationRefusal {
            throw NoiseFailure.notComputed(reason: refusal.description)
        }
        guard network.input.dimensions < 3 else { throw NoiseFailure.volumes }
        try checkChannels(preprocessing)
        return try NoiseMeasurement(
            logits, parameters: parameters,
            imageShape: imageShape.asMap,
            limits: (0..<network.input.channels).map(preprocessing.limits), seed: 0,
            workers: ProcessInfo.processInfo.activeProcessorCount
        ).run(findsDirections: findsDirections) { done, total in
            progress(
                CalibrationProgress(
                    stage: "noise", done: done, total: total, share: Double(done) / Double(max(total, 1))))
        }
    }
}
