/// A convolution that goes with a norm by its name.
struct Counterpart: Equatable {
    /// The convolution's place in the file.
    let place: Int
    let kind: Kind

    /// What connects the two names, the strongest first.
    enum Kind {
        /// The sources of a known block.
        case block
        /// Neighbours in an `nn.Sequential`.
        case neighbour
        /// The word for what they are, or a module with nothing else in it.
        case words
    }
}

extension NamedLayers {
    /// The convolutions whose names go with a norm's, the likeliest first.
    func counterparts(of norm: Int) -> [Counterpart] {
        let path = layers[norm].path
        let named = Self.convolutionPaths(of: path).compactMap { self[path: $0] }
        var found = named.filter { layers[$0].kernel != nil }.map { Counterpart(place: $0, kind: .words) }
        guard !isKeras else { return found }
        let module = modules.module(of: path)
        let name = String(NamedModules.split(path[...]).name)
        if let sole = soleConvolution(beside: norm, in: module) {
            found.append(Counterpart(place: sole, kind: .words))
        }
        if let last = lastOfSequence(for: path) { found.append(Counterpart(place: last, kind: .words)) }
        if let place = neighbour(before: name, in: module) {
            found.insert(Counterpart(place: place, kind: .neighbour), at: 0)
        }
        if let place = inKnownBlock(path, name, module) {
            found.insert(Counterpart(place: place, kind: .block), at: 0)
        }
        return found
    }

    /// The convolution of a module that has nothing but it and the norm. Not in an `nn.Sequential`, where a number that is
    /// missing is a layer without parameters between the two.
    private func soleConvolution(beside norm: Int, in module: NamedModules.Module) -> Int? {
        guard module.children.count == 2, module.layers.count == 2, module.lastNumber == nil,
            let other = module.layers.values.first(where: { $0 != norm }), layers[other].kernel != nil
        else { return nil }
        return other
    }

    /// `conv1.6` for `bn1`: the convolution at the end of the sequence of the convolution's name.
    private func lastOfSequence(for path: String) -> Int? {
        for name in Self.convolutionPaths(of: path) {
            guard let sequence = modules[name], let last = sequence.lastNumber,
                let place = sequence.layers["\(last)"], layers[place].kernel != nil
            else { continue }
            return place
        }
        return nil
    }

    /// The convolution before the norm in an `nn.Sequential`. A list that is none has norms beside norms.
    private func neighbour(before name: String, in module: NamedModules.Module) -> Int? {
        guard let number = Int(name), number > 0, module.lastNumber != nil,
            let place = module.layers["\(number - 1)"], layers[place].kernel != nil,
            module.layers["\(number + 1)"].map({ !isNorm($0) }) ?? true
        else { return nil }
        return place
    }

    /// The convolution that a known block has before the norm, if all its pairs agree in their channels.
    private func inKnownBlock(_ path: String, _ name: String, _ module: NamedModules.Module) -> Int? {
        let block = KnownBlock.matching(module, isNorm: isNorm) { modules.hasAround(path, $0) }
        guard let block else { return nil }
        for (norm, convolution) in block.pairs {
            guard let norm = module.layers[norm], let convolution = module.layers[convolution],
                let outputs = layers[convolution].mapChannels?.outputs
            else { continue }
            if layers[norm].channels != outputs { return nil }
        }
        return block.pairs[name].flatMap { module.layers[$0] }.flatMap {
            layers[$0].kernel == nil ? nil : $0
        }
    }

    /// In a pre-activation block, the convolution before a norm: `conv1` for `norm2`.
    func convolutionOfNumberBefore(_ norm: Int) -> Int? {
        let path = layers[norm].path
        guard !isKeras, let number = Self.trailingNumber(path), number > 1 else { return nil }
        let stem = path.dropLast("\(number)".count)
        let names = Self.convolutionPaths(of: "\(stem)\(number - 1)")
        return names.lazy.compactMap { self[path: $0] }.first { layers[$0].kernel != nil }
    }

    /// The number at the end of a name that has a word before it: 2 of `norm2`.
    static func trailingNumber(_ path: String) -> Int? {
        let digits = path.reversed().prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let before = path.dropLast(digits.count).last, before.isLetter else {
            return nil
        }
        return Int(String(digits.reversed()))
    }
}
