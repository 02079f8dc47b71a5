import ArgumentParser
import NormConvKit

extension Convert {
    func validate() throws {
        try validateOutput()
        if calibration.files.isEmpty, data == nil, calibration.readingIsGiven {
            throw ValidationError(
                "--image-layout, --image-array, --scale, --channels, --resize, --crop, --interpolation, --ignore-orientation, "
                    + "--fast-decode, --skip-broken and --image-root go with --calibrate, --refresh-statistics and --data only."
            )
        }
        try validateRecipe()
        guard minAgreement.map({ $0 == 0 || 1...100 ~= $0 }) ?? true else {
            throw ValidationError("--min-agreement is in percent: 0, or between 1 and 100.")
        }
        if groups != nil, to != .gn {
            throw ValidationError(
                "--groups goes with --to gn only: ln is one group, in is one channel a group.")
        }
        if addBias, initialization == .copy {
            throw ValidationError("--add-bias does not go with --init copy, which leaves biases alone.")
        }
        if let steady { try validate(steady: steady) }
        if ws == .layers, wsEps == .paper {
            throw ValidationError(
                "--ws layer has its epsilon inside the root, --ws-eps paper outside: choose bit or timm.")
        }
        if to == .none { try validateWithoutConversion() }
        if let epsilon, !(epsilon > 0 && epsilon.isFinite) {
            throw ValidationError("--epsilon must be a positive number.")
        }
    }

    private func validateRecipe() throws {
        guard let recipe else { return }
        guard to == .gn else { throw ValidationError("--recipe goes with --to gn only.") }
        if recipe.calibrates, !calibration.areGiven {
            throw ValidationError(
                "--recipe best needs --calibrate IMAGES (or --synthesize). Without images: --recipe data-free."
            )
        }
        if recipe == .fast, calibration.areGiven {
            throw ValidationError(
                "--recipe fast is without a calibration: with --calibrate or --synthesize, use --recipe best."
            )
        }
        if recipe == .dataFree, calibration.calibrate != nil {
            throw ValidationError("--recipe data-free reads no images: with --calibrate, use --recipe best.")
        }
    }

    private func validate(steady: Double) throws {
        guard addBias else { throw ValidationError("--steady goes with --add-bias only.") }
        guard ws == .off || ws == nil && to != .gn else {
            throw ValidationError(
                "--steady goes with --ws off: with standardized weights it makes the loss larger.")
        }
        guard to != .instance else {
            throw ValidationError("--steady needs groups of several channels, not --to in.")
        }
        guard !calibration.areGiven else {
            throw ValidationError(
                "--steady does not go with --calibrate and --synthesize, which set biases anew.")
        }
        guard steady >= 0, steady.isFinite else {
            throw ValidationError("--steady must be 0 or a positive number.")
        }
    }

    /// What `--to none` does not go with.
    private func validateWithoutConversion() throws {
        guard
            groups == nil, ws == nil, wsEps == nil, epsilon == nil, !addBias, initialization == nil,
            minAgreement == nil, !assumeAdjacent, !calibration.areGiven
        else {
            throw ValidationError(
                "--to none changes the layout, --preprocess and --refresh-statistics only: --groups, --ws, --ws-eps, --epsilon, --init, --add-bias, --min-agreement, "
                    + "--assume-adjacent, --calibrate and --synthesize do not go with it.")
        }
    }

    private func validateOutput() throws {
        guard compareRecipes || data == nil else {
            throw ValidationError("--data goes with --compare-recipes only.")
        }
        if compareRecipes {
            guard output.isEmpty, outputDir == nil, !inPlace else {
                throw ValidationError("--compare-recipes writes nothing: leave the output out.")
            }
            guard !calibration.synthesize, recipe == nil, to == .gn, groups == nil, ws == nil,
                initialization == nil, !addBias, steady == nil, minAgreement == nil, layout == nil, !force,
                !dryRun
            else {
                throw ValidationError(
                    "--compare-recipes chooses groups and options itself and writes nothing: leave out --to, --groups, --ws, --init, "
                        + "--add-bias, --steady, --recipe, --min-agreement, --synthesize, --layout, --force and --dry-run."
                )
            }
            return
        }
        if ([input] + output).contains(StandardStreams.name), outputDir != nil || inPlace {
            throw ValidationError("--output-dir and --in-place need files, not '-' (standard input).")
        }
        if output.first == StandardStreams.name, outputOptions.json, !dryRun {
            throw ValidationError(
                "--json prints to standard output, where '-' writes the network: name a file.")
        }
        if outputDir != nil {
            guard inPlace else { return }
            throw ValidationError("--output-dir writes new files, --in-place replaces the input: choose one.")
        }
        if output.isEmpty, !inPlace {
            throw ValidationError(
                "Name the file to write or a folder (--output-dir), or replace the input with --in-place.")
        }
        if output.count > 1 {
            throw ValidationError(
                "Found \(output.count) outputs (\(output.listed())), expected one. To convert several networks, name a "
                    + "folder with --output-dir.")
        }
        if inPlace, let output = output.first, !OutputIsInput.areOne(output, input) {
            throw ValidationError("--in-place replaces the input: leave the output out.")
        }
    }
}
