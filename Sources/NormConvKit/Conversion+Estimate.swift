import Calibration
import Conversion

extension Conversion {
    /// The conversion with an estimate of how well it agrees with the old network, and of what keeps more where that is little.
    /// Unchanged where norms stay or a calibration has measured it.
    ///
    /// - Parameters:
    ///   - isPatient: whether the images may take longer than a minute; otherwise there is no estimate then.
    ///   - progress: is told how far things are, on another thread.
    package func estimated(
        isPatient: Bool = false, progress: @escaping @Sendable (CalibrationProgress) -> Void = { _ in }
    ) async throws -> Conversion {
        guard options != nil, calibration == nil else { return self }
        return try await reporting(computing: {
            var result = self
            do {
                let probe = try model.agreementProbe(
                    preprocessing: preprocessing, isPatient: isPatient
                ) { progress($0.within(0...0.6)) }
                var estimate = try probe.estimate(of: plan, parameters: model.parameters)
                if estimate.agreement < AgreementEstimate.much {
                    estimate.better = try better(than: estimate, probe) { progress($0.within(0.6...1)) }
                }
                result.estimate = estimate
            } catch let error as CancellationError {
                throw error
            } catch {
                result.notEstimated = "\(error)"
            }
            return result
        })
    }

    /// Whether it may be ruined without anyone's asking for that: filters of mean 0 lose what small groups cannot carry.
    package var needsEstimate: Bool {
        guard let options, calibration == nil else { return false }
        return options.standardization != .off && options.initialization != .copy
    }

    /// The least agreement of a new network that was not fitted to images, where no other is given.
    package static let leastAgreement = 0.5

    /// The recipe without images that keeps most, where that is more.
    private func better(
        than estimate: AgreementEstimate, _ probe: AgreementProbe,
        _ progress: (CalibrationProgress) -> Void
    ) throws -> AgreementEstimate.Alternative? {
        guard var options, options.target == .groupNorm else { return nil }
        var best: AgreementEstimate.Alternative?
        for recipe in ConversionRecipe.allCases where !recipe.calibrates {
            // Noise was chosen already, and measuring it again takes as long.
            if recipe.initialization == .noise, self.options?.initialization == .noise { continue }
            (options.groups, options.initialization) = (recipe.groups, recipe.initialization)
            options.weightStandardization = recipe.weightStandardization
            (options.addsBias, options.steadiness) = (false, 0)
            do {
                let plan = try model.plan(options, preprocessing: preprocessing, progress: progress)
                let found = try probe.estimate(of: plan, parameters: model.parameters).agreement
                if found > best?.agreement ?? estimate.agreement {
                    best = .init(recipe: recipe.rawValue, agreement: found)
                }
            } catch let error as CancellationError {
                throw error
            } catch {}  // What cannot be done is no better.
        }
        return best
    }

    /// Throws where the agreement that a calibration measured, or otherwise the estimate, is lower; `isDemanded`: also where there
    /// is none.
    package func checkAgreement(atLeast expected: Double, isDemanded: Bool = false) throws {
        if isDemanded, let notEstimated {
            throw ConvertFailure.notEstimated(path: model.path, reason: notEstimated)
        }
        if let measured = calibration?.steps.last(where: \.kept)?.agreement, measured < expected {
            throw ConvertFailure.littleMeasured(path: model.path, found: measured, expected: expected)
        }
        if let estimate, estimate.agreement < expected {
            throw ConvertFailure.littleAgreement(path: model.path, found: estimate, expected: expected)
        }
    }
}
