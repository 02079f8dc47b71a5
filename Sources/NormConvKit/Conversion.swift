import Calibration
import Checkpoints
import Conversion
import Datasets
import Networks
import Tensors

/// A converted network that is worked out and not written yet: what `normconv convert` makes of a file.
///
/// ```swift
/// let gn = try Model("resnet50.h5").converting(ConversionOptions(groups: .perGroup(8)))
/// try gn.write(to: "resnet50-gn.safetensors")
/// ```
///
/// A value: calibration and synthesis return another one. All throw `NormConvError`.
public struct Conversion: Sendable {
    /// The network that is converted.
    public let model: Model
    /// How; nil where its norms and weights stay as they are.
    public let options: ConversionOptions?
    /// What is done to pixels; the new file remembers it, and calibration reads images with it.
    public var preprocessing: Preprocessing
    /// The new parameters.
    package private(set) var plan: ConversionPlan
    /// What calibration did, if there was one.
    package private(set) var calibration: CalibrationReport?
    /// How well it is estimated to agree with the old network, if it was.
    package internal(set) var estimate: AgreementEstimate?
    /// Why it could not be estimated.
    package internal(set) var notEstimated: String?

    /// Throws `ConvertFailure.nothingToConvert` where there is no batch normalization.
    init(
        _ model: Model, _ options: ConversionOptions?, preprocessing: Preprocessing? = nil,
        progress: (CalibrationProgress) -> Void = { _ in }
    ) throws {
        self.model = model
        self.options = options
        self.preprocessing = preprocessing ?? model.preprocessing
        guard let options else {
            plan = ConversionPlan(unchanged: model.network)
            for (name, tensor) in model.replacements.sorted(by: { $0.key < $1.key }) {
                let isResized = model.checkpoint.parameters[name]?.shape != tensor.shape
                plan.edits.set(name, isResized ? .resize(tensor) : .replace { _ in tensor })
            }
            try model.checkCopied(plan)
            return
        }
        plan = try model.plan(options, preprocessing: preprocessing, progress: progress)
        guard !plan.report.warnings.contains(.nothingToConvert) else {
            throw ConvertFailure.nothingToConvert(
                path: model.path, isBiT: model.network.family == .bit,
                architecture: model.network.architecture)
        }
    }

    /// The same with gamma 1 and beta 0 in all group norms, as a new `torch.nn.GroupNorm` has.
    func resettingNorms() -> Conversion {
        var conversion = self
        for node in plan.network.nodes {
            guard case .groupNorm(let norm) = node.operation else { continue }
            for (name, value) in [(norm.gamma, Float(1)), (norm.beta, 0)] {
                guard let name, case .replace? = plan.edits[name] ?? .replace({ $0 }) else { continue }
                conversion.plan.edits.set(
                    name, .replace { Tensor(shape: $0.shape, values: $0.values.map { _ in value }) })
            }
        }
        return conversion
    }

    /// What the new file remembers.
    package var note: ConversionNote {
        var note = model.note(
            of: plan, options: options ?? ConversionOptions(), preprocessing: preprocessing,
            calibration: calibration)
        if options?.weightStandardization == .layers {
            note.kerasLayer = StandardizedConvolutionLayer.python
        }
        guard options == nil else { return note }
        var kept = model.note ?? note.unchanged
        (kept.preprocess, kept.family) = (note.preprocess, note.family)
        (kept.batchEpsilons, kept.modules, kept.refresh) = (note.batchEpsilons, note.modules, note.refresh)
        (kept.fineTuning, kept.newParts) = (note.fineTuning, note.newParts)
        return kept
    }

    /// What was done, for machines; with what is lost in a file of this layout.
    package func report(layout: OutputLayout? = nil) -> ConvertReport {
        var report = ConvertReport(
            model, plan, note: note, calibration: calibration, estimate: estimate, output: nil)
        report.notEstimated = notEstimated
        if layout?.isKeras == true, model.basis == .names, !model.unusedParameters.isEmpty {
            report.droppedParts.append("what the network does not use")
        }
        if model.checkpoint.isModule, layout == nil || layout == .pth {
            report.droppedParts.append("the module's class and code: the output is a state dict")
        }
        return report
    }

    /// What was done: norms and groups, standardized convolutions, what was left alone and why.
    public var report: ConvertReport { report() }

    /// What the user should know, a line each, with at most three layers that it is about; `report.warnings` has all.
    public var warnings: [String] {
        plan.report.warnings(lossIsKnown: calibration != nil || estimate != nil).map(\.description)
    }

    // MARK: Calibration

    /// Calibrates the new network on images without labels, to match the old one: layer by layer, then the classifier, then
    /// all parameters together. An eighth of the images, but at least 16, and at most a quarter, is held out. A step is kept if
    /// the agreement on them rises by more than one standard error, or if the output error does not rise while the agreement hardly changes.
    ///
    /// - Parameters:
    ///   - split: the images, opened with `Model.split`; labels are not read.
    ///   - calibration: how many of them, which, and what to do with them.
    ///   - progress: is told how far things are, on another thread.
    /// - Throws: `NormConvError`; `CancellationError` soon after the task is cancelled.
    public func calibrated(
        on split: Split, options calibration: CalibrationOptions = CalibrationOptions(),
        progress: @escaping @Sendable (CalibrationProgress) -> Void = { _ in }
    ) async throws -> Conversion {
        try await fitted { conversion, options in
            try conversion.model.calibrate(
                conversion.plan, options: options, on: split, with: calibration,
                preprocessing: conversion.preprocessing, progress: progress)
        }
    }

    /// Calibrates the new network on synthetic images, computed from the stored statistics. Distillation is skipped unless
    /// `calibration.epochs` is set.
    ///
    /// - Parameters:
    ///   - synthesis: the number and size of the images.
    ///   - calibration: the seed, and what to do with them.
    ///   - progress: is told how far things are, on another thread.
    /// - Throws: `NormConvError`; `CancellationError` soon after the task is cancelled.
    public func synthesized(
        _ synthesis: SynthesisOptions = SynthesisOptions(),
        options calibration: CalibrationOptions = CalibrationOptions(),
        progress: @escaping @Sendable (CalibrationProgress) -> Void = { _ in }
    ) async throws -> Conversion {
        try await fitted { conversion, options in
            try conversion.model.calibrate(
                conversion.plan, options: options, synthesizing: synthesis, with: calibration,
                preprocessing: conversion.preprocessing, progress: progress)
        }
    }

    private func fitted(
        _ fit:
            @escaping @Sendable (Conversion, ConversionOptions) throws -> (
                plan: ConversionPlan, report: CalibrationReport
            )
    ) async throws -> Conversion {
        try await reporting(computing: {
            guard let options else { throw ConvertFailure.nothingToFit(path: model.path) }
            guard options.steadiness == 0 else { throw ConvertFailure.fitOfConstant(path: model.path) }
            let result = try fit(self, options)
            var fitted = self
            (fitted.plan, fitted.calibration) = (result.plan, result.report)
            return fitted
        })
    }
}
