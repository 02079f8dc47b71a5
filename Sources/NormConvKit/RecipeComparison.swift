import Calibration
import Conversion
import Datasets
import Foundation
import Networks
import Tensors

/// What other options keep of a network: the agreement of each conversion with it.
package struct RecipeComparison: Codable, Sendable {
    /// The format version of this report.
    package var schemaVersion = 1
    /// The network.
    package var input: String
    /// The images' file; nil for synthetic ones, on which agreement is an estimate.
    package var data: String?
    /// How many images.
    package var images: Int
    /// The conversions, by option and then by groups.
    package var rows: [Row] = []

    /// A conversion.
    package struct Row: Codable, Sendable {
        /// `WS`, `WS auto`, `WS, noise`, `no WS`, `no WS, noise`, `steady` or `calibrated`.
        package var name: String
        /// As the command spells it: `auto`, `near:8`.
        package var groups: String
        /// The command's options.
        package var arguments: [String]
        /// Share of the images to which both networks assign the same class; nil where it failed.
        package var agreement: Double?
        /// Squared error of the outputs, in units of how much the old network's vary.
        package var outputError: Double?
        /// Why it failed.
        package var error: String?
        /// Seconds that the conversion took.
        package var seconds: Double
    }
}

/// Why conversions are not compared.
package enum ComparisonFailure: Error, CustomStringConvertible {
    /// Images that calibrated networks were fitted to.
    case fittedImages(file: String)

    /// One line for people.
    package var description: String {
        switch self {
        case .fittedImages(let file):
            "\(file): these images are for --calibrate, expected others for --data: networks agree better on images that they were "
                + "fitted to"
        }
    }
}

/// A kind of conversion that is compared.
private enum ComparedRecipe: String, CaseIterable {
    case standardized = "WS"
    case standardizedButFirst = "WS auto"
    case standardizedNoise = "WS, noise"
    case plain = "no WS"
    case plainNoise = "no WS, noise"
    case steady = "steady"
    case calibrated = "calibrated"

    /// The height of a steady constant that the documentation's figures are of.
    private static let steadiness = 8.0

    /// Groups, initialization and weights are its own, the rest is that of other options.
    func options(_ groups: GroupPolicy, _ others: ConversionOptions) -> ConversionOptions {
        var options = others
        options.groups = groups
        switch self {
        case .standardized, .calibrated: options.weightStandardization = .on
        case .standardizedButFirst: options.weightStandardization = .automatic
        case .standardizedNoise:
            (options.weightStandardization, options.initialization) = (.automatic, .noise)
        case .plain: options.weightStandardization = .off
        case .plainNoise: (options.weightStandardization, options.initialization) = (.off, .noise)
        case .steady:
            (options.weightStandardization, options.initialization) = (.off, .noise)
            (options.addsBias, options.steadiness) = (true, Self.steadiness)
        }
        return options
    }

    /// What the command is told.
    func arguments(_ groups: GroupPolicy) -> [String] {
        let options = options(groups, ConversionOptions())
        var arguments = ["--groups", "\(groups)", "--ws", options.standardization.rawValue]
        if options.initialization == .noise { arguments += ["--init", "noise"] }
        if options.addsBias { arguments += ["--add-bias", "--steady", "\(Int(options.steadiness))"] }
        if self == .calibrated { arguments += ["--calibrate", "IMAGES"] }
        return arguments
    }
}

extension Model {
    /// Groups that are compared.
    private static let comparedGroups: [GroupPolicy] = [.auto, .near(8), .near(16), .count(1)]

    /// Converts the network in several ways, and compares what each of them keeps. Nothing is written.
    ///
    /// - Parameters:
    ///   - split: images to compare on; nil for synthetic ones. Labels are not read.
    ///   - fitted: other images, to calibrate on; nil for no calibration.
    ///   - calibration: how.
    ///   - options: what all conversions have in common, such as the epsilon.
    ///   - preprocessing: what goes with the network where it is nil.
    ///   - progress: is told how far things are.
    /// - Throws: `NormConvError`, where there is nothing to compare or nothing to compare on.
    package func comparingRecipes(
        on split: Split?, calibratingOn fitted: Split? = nil,
        _ calibration: CalibrationOptions = CalibrationOptions(),
        options: ConversionOptions = ConversionOptions(), preprocessing: Preprocessing? = nil,
        progress: @escaping @Sendable (CalibrationProgress) -> Void = { _ in }
    ) async throws -> RecipeComparison {
        try await reporting(computing: {
            try compareRecipes(
                split, fitted, calibration, options, preprocessing ?? self.preprocessing, progress)
        })
    }

    private func compareRecipes(
        _ split: Split?, _ fitted: Split?, _ calibration: CalibrationOptions, _ others: ConversionOptions,
        _ preprocessing: Preprocessing, _ progress: (CalibrationProgress) -> Void
    ) throws -> RecipeComparison {
        try checkComparison(split, fitted)
        let probe = try naming(path) {
            guard let split else {
                return try agreementProbe(
                    preprocessing: preprocessing, isPatient: true, memory: calibration.memory
                ) { progress($0.within(0...0.4)) }
            }
            return try agreementProbe(on: split, preprocessing) { progress($0.within(0...0.4)) }
        }
        var comparison = RecipeComparison(input: path, data: split?.file, images: probe.count)
        let noise = Stopwatch()
        let measured = Result {
            try noise.measure { try measureNoise(true, preprocessing) { progress($0.within(0.4...0.6)) } }
        }
        let recipes = ComparedRecipe.allCases.filter { $0 != .calibrated || fitted != nil }
        let ways = recipes.flatMap { recipe in Self.comparedGroups.map { (recipe, $0) } }
        var failure: (any Error)?
        for (done, (recipe, groups)) in ways.enumerated() {
            func tell(_ share: Double) {
                progress(
                    CalibrationProgress(
                        stage: "\(recipe.rawValue), groups \(groups)", done: done, total: ways.count,
                        share: (Double(done) + share) / Double(ways.count)
                    ).within(fitted == nil ? 0.6...1 : 0.02...1))
            }
            tell(0)
            var row = RecipeComparison.Row(
                name: recipe.rawValue, groups: "\(groups)", arguments: recipe.arguments(groups), seconds: 0)
            let options = recipe.options(groups, others)
            let usesNoise = options.initialization == .noise
            let watch = Stopwatch()
            do {
                let found = try watch.measure {
                    var planned = try plan(options, measured: usesNoise ? try measured.get() : nil)
                    if recipe == .calibrated, let fitted {
                        planned =
                            try calibrate(
                                planned, options: options, on: fitted, with: calibration,
                                preprocessing: preprocessing
                            ) { tell($0.share) }.plan
                    }
                    return try probe.estimate(of: planned, parameters: parameters)
                }
                (row.agreement, row.outputError) = (found.agreement, found.outputError)
            } catch let error as CancellationError {
                throw error
            } catch {
                failure = failure ?? error
                row.error = "\(error)"
            }
            row.seconds = watch.seconds + (usesNoise ? noise.seconds : 0)
            comparison.rows.append(row)
        }
        if let failure, comparison.rows.allSatisfy({ $0.agreement == nil }) { throw failure }
        return comparison
    }

    /// Throws where images to compare on are those that are fitted to, and where there is nothing to convert.
    private func checkComparison(_ split: Split?, _ fitted: Split?) throws {
        if let split, let fitted, split.file == fitted.file, split.count == fitted.count {
            throw ComparisonFailure.fittedImages(file: split.file)
        }
        guard logits.batchNormCount > 0 else {
            throw ConvertFailure.nothingToConvert(
                path: path, isBiT: network.family == .bit, architecture: network.architecture)
        }
    }

    /// Images of a split to compare on.
    private func agreementProbe(
        on split: Split, _ preprocessing: Preprocessing, _ progress: (CalibrationProgress) -> Void
    ) throws -> AgreementProbe {
        try checkClasses(imageShape: split.shape)
        let images = try DrawnImages(CalibrationOptions(), from: split, preprocessing).stored {
            progress(
                CalibrationProgress(
                    stage: "reading", done: $0, total: $1, share: Double($0) / Double(max($1, 1))))
        }
        return try AgreementProbe(
            logits, parameters: parameters, images: images, isSigmoid: tellsTwoBySigmoid)
    }
}
