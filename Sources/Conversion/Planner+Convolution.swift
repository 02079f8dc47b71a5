import Networks
import Tensors

extension Planner {
    /// The treatment of a convolution's weights.
    private enum Treatment {
        /// They stay unchanged, for a reason to report.
        case leave(ConversionReport.Reason?)
        /// Standardized before a batch normalization that makes up for it.
        case standardizeBeforeNorm
        /// Standardized although the function changes.
        case standardizeAnyway
    }

    /// Decides about a convolution's weights and bias, and records what then enters the norm after it.
    mutating func visitConvolution(_ index: Int, _ convolution: Convolution) throws {
        let node = source.nodes[index]
        guard let geometry = KernelGeometry(convolution), let shape = convolution.kernelShape,
            let input = node.inputs.first
        else {
            throw ConversionError.inconsistentLayer(
                layer: node.layer,
                found: "convolution of \(convolution.inputs) to \(convolution.outputs) channels"
                    + " in \(convolution.groups) groups, kernel \(convolution.size)",
                expected: "channels that the groups divide, and a kernel")
        }
        let kernel = try reader.read(convolution.kernel, shape: shape, layer: node.layer)
        let bias = try reader.vector(convolution.bias, count: geometry.outputs, layer: node.layer)
        let norm = try batchNormBehind(index)
        let inputs = inputMoments(input, kernel, geometry, bias: bias, statistics: norm?.statistics)

        let treatment = treatment(of: index, geometry, hasMoments: inputs != nil || !needsMoments)
        var change = standardization(
            for: treatment, convolution, kernel, geometry, inputs ?? .standard(channels: geometry.inputs))
        if let norm, mayTurn(index, convolution) {
            change = try turned(change, convolution, geometry, norm)
        }
        if let change {
            let recipe = change.recipe
            plan.edits.set(convolution.kernel, .replace { recipe.apply(to: $0) })
        }
        record(treatment, layer: node.layer)

        if let norm {
            try centre(index, convolution, bias: bias, norm, change)
        } else if needsMoments, let inputs {
            let sums = FilterSums(kernel, geometry, linear: inputs.mean, quadratic: inputs.variance)
            let offset = bias ?? [Double](repeating: 0, count: geometry.outputs)
            moments[index] = Moments(
                mean: zip(sums.linear, offset).map { $0 + $1 }, variance: sums.quadratic)
        }
    }

    /// Statistics for the norm at an index.
    typealias NormBehind = (index: Int, statistics: ChannelStatistics)

    /// The batch normalization that is this convolution's only consumer.
    private func batchNormBehind(_ index: Int) throws -> NormBehind? {
        guard let behind = pairs.normBehind[index],
            case .batchNorm(let norm) = source.nodes[behind].operation,
            case .convolution(let convolution) = source.nodes[index].operation
        else { return nil }
        let layer = source.nodes[behind].layer
        guard norm.channels == convolution.outputs else {
            throw ConversionError.inconsistentLayer(
                layer: layer, found: "a norm of \(norm.channels) channels",
                expected: "the \(convolution.outputs) of the convolution before it")
        }
        return (behind, try storedStatistics(norm, layer: layer))
    }

    private func treatment(
        of index: Int, _ geometry: KernelGeometry, hasMoments: Bool
    ) -> Treatment {
        if options.standardization == .off { return .leave(nil) }
        if geometry.filterSize == 1 { return .leave(.singleWeightFilters) }
        if case .convolution(let convolution) = source.nodes[index].operation, pairs.normBehind[index] != nil,
            let doubt = convolution.doubt
        {
            return .leave(.doubtfulKernel(doubt))
        }
        if options.standardization == .automatic, source.readsImage(index) { return .leave(.readsImage) }
        switch contradicted[index] ?? pairs.exemptions[index] {
        case .unproven(let norm, let basis)?: return .leave(.exempt(.unproven(norm: norm, basis: basis)))
        case .contradicted(let norm)?: return .leave(.exempt(.contradicted(norm: norm)))
        default: break
        }
        let reason: ConversionReport.Reason
        if let behind = pairs.normBehind[index] {
            if case .batchNorm = source.nodes[behind].operation {
                return hasMoments || options.standardization == .all
                    ? .standardizeBeforeNorm : .leave(.unknownInput)
            }
            reason = .beforeGroupNorm(layer: source.nodes[behind].layer)
        } else if let exemption = pairs.exemptions[index] {
            reason = .exempt(exemption)
        } else {
            return .leave(nil)
        }
        return options.standardization == .all ? .standardizeAnyway : .leave(reason)
    }

    private func standardization(
        for treatment: Treatment, _ convolution: Convolution, _ kernel: Tensor, _ geometry: KernelGeometry,
        _ inputs: Moments
    ) -> FilterChange? {
        let direction: [Double]
        switch (treatment, options.initialization) {
        case (.leave, _): return nil
        case (.standardizeBeforeNorm, .statistics), (.standardizeBeforeNorm, .noise):
            direction =
                measured?.directions[convolution.kernel]
                ?? geometry.cheapestDirection(variance: inputs.variance)
        case (.standardizeBeforeNorm, .copy), (.standardizeAnyway, _): direction = geometry.uniformDirection
        }
        return FilterChange(
            standardizing: kernel, geometry, direction: direction, inputMean: inputs.mean,
            epsilon: options.standardizationEpsilon)
    }

    /// Carries a kernel's change on to the statistics of the norm after it, and where there is a bias, uses it to
    /// give every channel mean 0 there: the groups' statistics then vary less from sample to sample.
    private mutating func centre(
        _ index: Int, _ convolution: Convolution, bias: [Double]?, _ norm: NormBehind,
        _ change: FilterChange?
    ) throws {
        guard options.initialization != .copy else { return }
        var (statistics, bias) = (norm.statistics, bias)
        if let change {
            statistics = statistics.moved(by: change.meanShift, dividedBy: change.divisor)
            bias = bias.map { zip($0, change.divisor).map { $0 / $1 } }
        }
        if bias != nil || options.addsBias {
            let old = bias ?? [Double](repeating: 0, count: convolution.outputs)
            let centred = zip(old, statistics.mean).map { $0 - $1 }
            statistics.mean = try steadyMeans(index, convolution, statistics, norm)
            try setBias(index, convolution, zip(centred, statistics.mean).map { $0 + $1 })
        }
        self.statistics[norm.index] = statistics
    }

    private mutating func setBias(_ index: Int, _ convolution: Convolution, _ values: [Double]) throws {
        if let name = convolution.bias {
            plan.edits.replace(name, by: try float(values, for: name))
            return
        }
        let name = ParameterNaming.name(.bias, beside: convolution.kernel, family: source.family)
        plan.edits.set(
            name, .insert(try float(values, for: name), .after, neighbour: convolution.kernel))
        var biased = convolution
        biased.bias = name
        plan.network.nodes[index].operation = .convolution(biased)
        plan.biasedConvolutions.append(source.nodes[index].layer)
    }

    private mutating func record(_ treatment: Treatment, layer: String) {
        switch treatment {
        case .leave(let reason?):
            plan.report.leftAlone.append(ConversionReport.LeftAlone(layer: layer, reason: reason))
        case .leave(nil): break
        case .standardizeBeforeNorm: plan.report.standardized.append(layer)
        case .standardizeAnyway:
            plan.report.standardized.append(layer)
            withoutNorm.append(layer)
        }
    }
}
