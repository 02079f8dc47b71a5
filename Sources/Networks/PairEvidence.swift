/// Whether norms stand behind the convolutions of their names, as the channels of a file show.
///
/// One pair may show it: a convolution with another number of inputs than of outputs, the norm having as many channels as one
/// of them alone. It then holds for all pairs of the same kind, where none shows the contrary. Kinds are, from the narrowest:
/// - norms whose paths differ in numbers alone,
/// - modules with the same names in them,
/// - the same two words, `bn` and `conv`, in modules with several norms. Stems show nothing about these.
struct PairEvidence {
    /// How many pairs of a kind show one or the other.
    private struct Tally {
        var behind = 0
        var before = 0
    }

    /// The names in a module, and two of them.
    private struct ModuleKind: Hashable {
        let kind: Int
        let norm: Substring
        let convolution: Substring
    }

    /// A numbered convolution without a norm of its number: its module, the word before the number, its outputs.
    private struct Unmatched: Hashable {
        let module: Substring
        let word: Substring
        let outputs: Int
    }

    private let layers: NamedLayers
    private var byPattern: [String: Tally] = [:]
    private var byModule: [ModuleKind: Tally] = [:]
    private var byWords: [String: Tally] = [:]
    /// Patterns of norms with other channels than the convolution of the number before.
    private var shiftsThatFail: Set<String> = []
    /// Convolutions that a norm of another number may follow.
    private var unmatched: Set<Unmatched> = []
    /// The one convolution that reads the image.
    private let stem: Int?

    init(_ layers: NamedLayers) {
        self.layers = layers
        let readers = layers.layers.indices.filter { layers.layers[$0].mapChannels?.inputs == 3 }
        stem = readers.count == 1 ? readers[0] : nil
        unmatched = Self.unmatched(in: layers)
        for norm in layers.norms {
            for counterpart in layers.counterparts(of: norm) where counterpart.kind != .block {
                count(norm, counterpart.place)
            }
            if let before = layers.convolutionOfNumberBefore(norm),
                layers.layers[before].mapChannels?.outputs != layers.layers[norm].channels
            {
                shiftsThatFail.insert(numberedPattern(norm))
            }
        }
    }

    /// Convolutions with the number of no norm in their modules.
    private static func unmatched(in layers: NamedLayers) -> Set<Unmatched> {
        guard !layers.isKeras else { return [] }
        struct Numbered: Hashable {
            let module: Substring
            let number: Int
        }
        func numbered(_ place: Int) -> (Numbered, word: Substring)? {
            let (module, name) = NamedModules.split(layers.layers[place].path[...])
            guard let number = NamedLayers.trailingNumber(String(name)) else { return nil }
            return (Numbered(module: module, number: number), name.dropLast("\(number)".count))
        }
        let norms = Set(layers.norms.compactMap { numbered($0)?.0 })
        return layers.layers.indices.reduce(into: []) { found, place in
            guard let outputs = layers.layers[place].mapChannels?.outputs,
                let (number, word) = numbered(place),
                !norms.contains(number)
            else { return }
            found.insert(Unmatched(module: number.module, word: word, outputs: outputs))
        }
    }

    /// Whether a convolution of the same word in the same module could as well be the one before the norm.
    private func isAmbiguous(_ convolution: Int, _ outputs: Int) -> Bool {
        let (module, name) = NamedModules.split(layers.layers[convolution].path[...])
        guard let number = NamedLayers.trailingNumber(String(name)) else { return false }
        let word = name.dropLast("\(number)".count)
        return unmatched.contains(Unmatched(module: module, word: word, outputs: outputs))
    }

    /// Whether a norm stands behind a convolution of its name.
    func accepts(_ norm: Int, behind counterpart: Counterpart) -> Bool {
        let convolution = layers.layers[counterpart.place]
        guard let (outputs, _) = convolution.mapChannels, outputs == layers.layers[norm].channels else {
            return false
        }
        if counterpart.kind == .block { return true }
        if counterpart.kind == .words, isAmbiguous(counterpart.place, outputs) { return false }
        let pattern = byPattern[NamedLayers.pattern(layers.layers[norm].path)] ?? Tally()
        guard pattern.before == 0, !convolution.mayBeTransposed else { return false }
        if counterpart.kind == .neighbour || pattern.behind > 0 { return true }
        let tallies = [
            moduleKind(norm, counterpart.place).flatMap { byModule[$0] },
            words(norm, counterpart.place).flatMap { byWords[$0] },
        ]
        return tallies.contains { $0.map { $0.behind > 0 && $0.before == 0 } ?? false }
    }

    /// The convolution before a norm of a pre-activation block: that of the number before, where norms of this kind stand
    /// before the convolutions of their own number.
    func convolutionOfNumberBefore(_ norm: Int) -> Int? {
        guard let place = layers.convolutionOfNumberBefore(norm),
            layers.layers[place].mapChannels?.outputs == layers.layers[norm].channels,
            let tally = byPattern[NamedLayers.pattern(layers.layers[norm].path)],
            tally.before > 0, tally.behind == 0, !shiftsThatFail.contains(numberedPattern(norm))
        else { return nil }
        return place
    }

    private mutating func count(_ norm: Int, _ convolution: Int) {
        guard let channels = layers.layers[norm].channels,
            let (outputs, inputs) = layers.layers[convolution].mapChannels
        else { return }
        let isBehind =
            outputs == channels && inputs != channels
            && (convolution == stem || !Self.mayBeGrouped(outputs, inputs))
        let isBefore = outputs != channels && inputs == channels
        guard isBehind || isBefore else { return }
        func add(_ tally: inout Tally?) {
            var sum = tally ?? Tally()
            if isBehind { sum.behind += 1 } else { sum.before += 1 }
            tally = sum
        }
        add(&byPattern[NamedLayers.pattern(layers.layers[norm].path)])
        if isBehind, inputs <= 4 { return }
        if let kind = moduleKind(norm, convolution) { add(&byModule[kind]) }
        if let words = words(norm, convolution), isBefore || isInBlock(norm) { add(&byWords[words]) }
    }

    /// Whether the kernel may be grouped: its inputs then do not give the map's channels.
    private static func mayBeGrouped(_ outputs: Int, _ inputs: Int) -> Bool {
        inputs > 0 && outputs % inputs == 0 && outputs / inputs > 4
    }

    /// Whether several norms are in the norm's module.
    private func isInBlock(_ norm: Int) -> Bool {
        let module = layers.modules.module(of: layers.layers[norm].path)
        return module.layers.values.lazy.filter { layers.isNorm($0) }.prefix(2).count == 2
    }

    private func moduleKind(_ norm: Int, _ convolution: Int) -> ModuleKind? {
        let (module, name) = NamedModules.split(layers.layers[norm].path[...])
        let (other, otherName) = NamedModules.split(layers.layers[convolution].path[...])
        guard !layers.isKeras, module == other else { return nil }
        return ModuleKind(
            kind: layers.modules.module(of: layers.layers[norm].path).kind, norm: name, convolution: otherName
        )
    }

    /// `bn conv` for `layer1.0.bn2` and `layer1.0.conv2`, and for `bns.0` and `convs.0`.
    private func words(_ norm: Int, _ convolution: Int) -> String? {
        guard !layers.isKeras else { return nil }
        let words = [norm, convolution].map { place -> String in
            let parts = layers.layers[place].path.split(separator: ".")
            let word = parts.last { Int($0) == nil }.map { $0.filter { !$0.isNumber } } ?? ""
            return word.hasSuffix("s") ? String(word.dropLast()) : word
        }
        return words[0] == words[1] ? nil : words.joined(separator: " ")
    }

    /// The path without the numbers of its modules: `layer.denselayer.norm2`.
    private func numberedPattern(_ norm: Int) -> String {
        let (module, name) = NamedModules.split(layers.layers[norm].path[...])
        return "\(NamedLayers.pattern(String(module))).\(name)"
    }
}
