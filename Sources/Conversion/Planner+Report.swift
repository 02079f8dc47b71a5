import Networks

extension Planner {
    /// Groups of fewer channels than this are worth a warning: on ResNet-20, automatic groups, of which the widest
    /// layers' have 2 channels, end 19 points of top-1 below groups of 8.
    private static let narrowGroup = 8

    func isStandardized(_ convolution: Int?) -> Bool {
        convolution.map { plan.report.standardized.contains(source.nodes[$0].layer) } ?? false
    }

    mutating func countStage(_ channels: Int, _ groups: Int, isStandardized: Bool) {
        let new = ConvertedStage(channels: channels, groups: groups, norms: 0, standardized: 0)
        if !plan.report.stages.contains(where: { $0.channels == channels }) { plan.report.stages.append(new) }
        guard let index = plan.report.stages.firstIndex(where: { $0.channels == channels }) else { return }
        plan.report.stages[index].norms += 1
        plan.report.stages[index].standardized += isStandardized ? 1 : 0
    }

    /// The plan with its warnings.
    func finished() -> ConversionPlan {
        var plan = plan
        plan.report.warnings = warnings
        return plan
    }

    /// Calibration takes images and steps, no volumes.
    private var canCalibrate: Bool { source.isComputable && source.input.dimensions < 3 }

    private var warnings: [ConversionWarning] {
        var warnings: [ConversionWarning] = []
        if plan.norms.isEmpty { warnings.append(.nothingToConvert) }
        warnings += pairWarnings
        if options.initialization == .copy, !plan.norms.isEmpty { warnings.append(.copied) }
        if !withoutNorm.isEmpty { warnings.append(.standardizedWithoutNorm(layers: withoutNorm)) }
        if options.initialization != .copy, !plan.report.standardized.isEmpty {
            warnings.append(
                .standardizedWithoutData(
                    convolutions: plan.report.standardized.count, canCalibrate: canCalibrate))
        }
        let narrow = plan.norms.filter { $0.groups > 1 && $0.channels / $0.groups < Self.narrowGroup }
        if let size = narrow.map({ $0.channels / $0.groups }).min() {
            warnings.append(
                .narrowGroups(
                    layers: narrow.map(\.layer), channelsPerGroup: size,
                    canCalibrate: canCalibrate))
        }
        let single = plan.norms.filter { $0.groups == $0.channels }
        if shapes == nil, !single.isEmpty {
            warnings.append(.singleChannelGroups(layers: single.map(\.layer)))
        }
        return warnings
    }
}
