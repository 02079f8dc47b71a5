import Calibration
import Checkpoints
import Conversion
import Datasets
import Networks
import OrderedJSON
import Tensors

/// Why a conversion was refused, beyond what its parts tell.
package enum ConvertFailure: Error, CustomStringConvertible {
    /// Batch normalization that the conversion did not reach.
    case batchNormRemains(layers: [String])
    /// Batch normalization inside a layer that the conversion does not change.
    case batchNormInside(layer: String, className: String, norm: String)
    /// A parameter that would be copied and holds a NaN or an infinity; the first one, by its index.
    case notFinite(parameter: String, index: Int, value: Float)
    /// An output that is the input.
    case outputIsInput(path: String, backup: String)
    /// A network in several files, which cannot be replaced as one.
    case shardsInPlace(path: String)
    /// A network without batch normalization.
    case nothingToConvert(path: String, isBiT: Bool, architecture: String)
    /// A conversion that keeps the norms has nothing that could be fitted.
    case nothingToFit(path: String)
    /// A fit sets biases anew, which the steady constant is in.
    case fitOfConstant(path: String)
    /// A conversion that is estimated to agree with the old network too rarely.
    case littleAgreement(path: String, found: AgreementEstimate, expected: Double)
    /// A limit for what cannot be estimated.
    case notEstimated(path: String, reason: String)
    /// The same, measured by a calibration.
    case littleMeasured(path: String, found: Double, expected: Double)
    /// Layers that standardize their weights, in a layout of another framework.
    case layersAreKeras(path: String)

    /// One line for people.
    package var description: String {
        switch self {
        case .batchNormRemains(let layers):
            "batch normalization remains in \(layers.listed())"
        case .batchNormInside(let layer, let className, let norm):
            className == norm
                ? "layer '\(layer)': batch normalization remains in it, as its class is \(className), which normconv does not know"
                : "layer '\(layer)': batch normalization (\(norm)) remains inside its class \(className), where normconv does not "
                    + "replace it; build the model without \(className) around it and load the same weights"
        case .notFinite(let parameter, let index, let value):
            "parameter '\(parameter)': value \(index) is \(value), expected a finite number"
        case .outputIsInput(let path, let backup):
            "\(path): the output is the input; use --in-place to replace it and keep the old file as \(backup)"
        case .shardsInPlace(let path):
            "\(path): a network in several files is not replaced in place; name the output x.safetensors or "
                + "x.safetensors.index.json"
        case .nothingToConvert(let path, let isBiT, let architecture):
            "\(path): "
                + (isBiT
                    ? "\(architecture) has group norms and standardized convolutions already"
                    : "the network has no batch normalization") + ": nothing to convert, nothing written"
        case .nothingToFit(let path):
            "\(path): norms and weights stay as they are: nothing to calibrate"
        case .fitOfConstant(let path):
            "\(path): a calibration sets biases anew and would lose the steady constant: expected a steadiness of 0"
        case .littleAgreement(let path, let found, let expected):
            "\(path): the new network is estimated to agree with the old one on \(percent(found.agreement)) of images, expected at "
                + "least \(percent(expected)) (\(found.images) synthetic images; large networks may keep 30 points more): fit it to "
                + "images (--recipe best --calibrate IMAGES) or to synthetic ones (--synthesize), or do not standardize weights (--ws off)"
                + (found.better.flatMap { $0.agreement < expected ? nil : $0 }.map {
                    ", or replace --groups, --ws and --init by --recipe \($0.recipe) (about \(percent($0.agreement)))"
                } ?? "")
                + "; --min-agreement 0 writes it as it is"
        case .notEstimated(let path, let reason):
            "\(path): the agreement with the old network, which --min-agreement is for, is not estimated: \(reason)"
        case .littleMeasured(let path, let found, let expected):
            "\(path): the calibrated network agrees with the old one on \(percent(found)) of the held-out images, expected at least "
                + "\(percent(expected)): calibrate on more images or choose a lower --min-agreement"
        case .layersAreKeras(let path):
            "\(path): --ws layer writes Keras layers: choose --layout keras, keras3 or weights, or --ws on"
        }
    }
}

private let percent = AgreementEstimate.percent

extension Model {
    /// Works a conversion out without writing anything. Every parameter of the network is read and checked.
    package func plan(
        _ options: ConversionOptions, preprocessing: Preprocessing? = nil,
        progress: (CalibrationProgress) -> Void = { _ in }
    ) throws -> ConversionPlan {
        try checkInsides()
        return try plan(
            options,
            measured: naming(path) { try measured(options, preprocessing ?? self.preprocessing, progress) })
    }

    /// The same with what noise told about the network.
    func plan(_ options: ConversionOptions, measured: MeasuredStatistics?) throws -> ConversionPlan {
        try checkInsides()
        return try naming(path) {
            var plan = try planConversion(
                of: network, parameters: stored, options: options, measured: measured)
            let remaining = plan.network.nodes.filter {
                if case .batchNorm = $0.operation { true } else { false }
            }
            guard remaining.isEmpty else {
                throw ConvertFailure.batchNormRemains(layers: remaining.map(\.layer))
            }
            try checkCopied(plan)
            if !contradictions.isEmpty {
                plan.report.warnings.append(
                    .otherModules(differences: contradictions, architecture: network.architecture))
            }
            plan.report.warnings += try untied(by: plan.edits)
            return plan
        }
    }

    /// Throws where a layer that the conversion does not change has batch normalization inside.
    private func checkInsides() throws {
        try naming(path) {
            for case (let layer, .opaque(let opaque)) in network.nodes.map({ ($0.layer, $0.operation) }) {
                guard let norm = opaque.batchNormInside else { continue }
                throw ConvertFailure.batchNormInside(
                    layer: layer, className: opaque.className, norm: norm)
            }
        }
    }

    /// Converts the network and writes it in the layout of this file, with a note of how it was made.
    ///
    /// - Parameters:
    ///   - path: where to; the file appears whole or not at all.
    ///   - options: what to convert to, and how.
    ///   - preprocessing: what the new file remembers; what goes with this one where it is nil.
    ///   - overwrite: whether a file that is there may be replaced; never this one, which `writeInPlace` is for.
    /// - Returns: what was done.
    @discardableResult
    package func convert(
        to path: String, options: ConversionOptions = ConversionOptions(),
        preprocessing: Preprocessing? = nil, overwrite: Bool = false
    ) throws -> ConversionPlan {
        let plan = try plan(options)
        try write(plan, to: path, options: options, preprocessing: preprocessing, overwrite: overwrite)
        return plan
    }

    /// What a file that a plan makes of this one remembers; `preprocessing` is what goes with this one where it is nil.
    package func note(
        of plan: ConversionPlan, options: ConversionOptions, preprocessing: Preprocessing? = nil,
        calibration: CalibrationReport? = nil
    ) -> ConversionNote {
        var note = ConversionNote(
            plan, options: options, preprocess: (preprocessing ?? self.preprocessing).description,
            calibration: calibration)
        note.family = imageFamily.rawValue
        let remaining = Set(
            plan.network.nodes.compactMap { node in
                if case .batchNorm = node.operation { node.layer } else { nil }
            })
        let epsilons = statedEpsilons.filter { remaining.contains($0.key) }
        note.batchEpsilons = epsilons.isEmpty ? nil : epsilons
        note.modules = otherModules.isEmpty ? nil : otherModules
        note.fineTuning = fineTuning.map(ConversionNote.FineTuning.init) ?? self.note?.fineTuning
        note.refresh =
            refresh.map {
                ConversionNote.Refresh(
                    images: $0.images, batch: $0.batch, seed: $0.seed, variance: $0.variance)
            } ?? self.note?.refresh
        note.newParts = newParts(of: plan)
        return note
    }

    /// What a configuration of the old network lacks; nil where there is nothing, or the network has no configuration.
    private func newParts(of plan: ConversionPlan) -> ConversionNote.NewParts? {
        var parts = note?.newParts ?? ConversionNote.NewParts()
        parts.biases = Set(parts.biases + plan.biasedConvolutions).sorted()
        if let newHead { parts.outputs[newHead.layer] = newHead.outputs }
        return config == nil || parts == ConversionNote.NewParts() ? nil : parts
    }

    /// Writes a conversion that is worked out, in the layout of this file or in another.
    package func write(
        _ plan: ConversionPlan, to path: String, options: ConversionOptions, layout: OutputLayout? = nil,
        preprocessing: Preprocessing? = nil, calibration: CalibrationReport? = nil, overwrite: Bool = false
    ) throws {
        let note = note(
            of: plan, options: options, preprocessing: preprocessing, calibration: calibration)
        try write(plan, note: note, to: path, layout: layout, overwrite: overwrite)
    }

    /// Throws what `write` would throw before it writes anything, but for what is at the path already: for plans that are
    /// still to be calibrated, which takes long, or are not to be written.
    package func check(
        _ plan: ConversionPlan, note: ConversionNote, to path: String, layout: OutputLayout?
    ) throws {
        switch try prepared(plan, note, layout) {
        case .edited: _ = try checkpoint.parameters.applying(plan.edits, path: self.path)
        case .new(let contents, let layout): try contents.check(for: layout, path: path)
        }
    }

    /// Writes a conversion that is worked out, with a note of one's own. Throws `ConvertFailure.outputIsInput` where the
    /// path is this network's file.
    package func write(
        _ plan: ConversionPlan, note: ConversionNote, to path: String, layout: OutputLayout?, overwrite: Bool
    ) throws {
        try checkOutputs(outputs(of: plan, at: path, layout: layout))
        try writeAnywhere(plan, note: note, to: path, layout: layout, overwrite: overwrite)
    }

    /// Writes also over this network's own file.
    func writeAnywhere(
        _ plan: ConversionPlan, note: ConversionNote, to path: String, layout: OutputLayout?, overwrite: Bool
    ) throws {
        switch try prepared(plan, note, layout) {
        case .edited(let config):
            try checkpoint.write(
                to: path, edits: plan.edits, modelConfig: config?.text, note: try note.json(),
                overwrite: overwrite)
        case .new(let contents, let layout):
            try contents.write(to: path, layout: layout, overwrite: overwrite)
        }
    }

    /// What is to be written: this file with edits, or a new one.
    private enum Prepared {
        case edited(config: JSON?)
        case new(NewCheckpoint, OutputLayout)
    }

    private func prepared(
        _ plan: ConversionPlan, _ note: ConversionNote, _ layout: OutputLayout?
    ) throws -> Prepared {
        // A new file's note would make knowledge of a guess.
        try naming(path) { try checkNorms() }
        return try naming(self.path) { () -> Prepared in
            let config = try convertedConfig(plan, note)
            guard let layout = outputLayout(layout) else { return .edited(config: config) }
            return .new(try contents(plan, config: config, note: note, layout: layout), layout)
        }
    }

    /// Throws where a parameter that the conversion does not change is not finite, used by the network or not: no NaN gets
    /// into a new file unnoticed. New values are checked when they are written.
    func checkCopied(_ plan: ConversionPlan) throws {
        try naming(path) {
            for parameter in checkpoint.parameters
            where parameter.elementType.isFloat && plan.edits[parameter.name] == nil {
                let tensor = try parameter.read()
                if let index = tensor.firstNonFinite {
                    throw ConvertFailure.notFinite(
                        parameter: parameter.name, index: index, value: tensor.values[index])
                }
            }
        }
    }

    /// The configuration with the converted norms in it; nil in layouts that have none.
    private func convertedConfig(_ plan: ConversionPlan, _ note: ConversionNote) throws -> JSON? {
        guard let config else { return nil }
        var norms: [String: GroupNorm] = [:]
        let converted = Set(plan.norms.map(\.layer))
        for node in plan.network.nodes where converted.contains(node.layer) {
            if case .groupNorm(let norm) = node.operation { norms[node.layer] = norm }
        }
        return try KerasConfigEditor.convertedConfig(
            config, norms: norms, biasedConvolutions: Set(plan.biasedConvolutions),
            standardizedConvolutions: plan.standardizedLayers(note),
            outputs: newHead.map { [$0.layer: $0.outputs] } ?? [:])
    }
}
