/// A given pair in a file: the places of its layers.
struct GivenPlaces {
    let pair: GivenPairs.Pair
    let norm: Int
    let convolution: Int
}

extension NamedLayers {
    /// The layers of given pairs.
    ///
    /// Throws `GivenPairError` where a name is no layer's, or channels do not agree.
    func places(of given: GivenPairs) throws(GivenPairError) -> [GivenPlaces] {
        let named = placesByName
        var found: [GivenPlaces] = []
        for pair in given.pairs {
            guard let norm = named[pair.norm], isNorm(norm), let channels = layers[norm].channels else {
                throw .noSuchLayer(
                    layer: pair.norm, pair: pair, expected: "norm",
                    similar: similar(to: pair.norm, where: isNorm))
            }
            guard let place = named[pair.convolution], let outputs = layers[place].mapChannels?.outputs else {
                throw .noSuchLayer(
                    layer: pair.convolution, pair: pair, expected: "plain convolution",
                    similar: similar(to: pair.convolution) { layers[$0].kernel != nil })
            }
            guard outputs == channels else {
                throw .wrongChannels(pair: pair, found: outputs, expected: channels)
            }
            found.append(GivenPlaces(pair: pair, norm: norm, convolution: place))
        }
        return found
    }

    /// The names of the parameters of the norms in given pairs.
    func parameters(ofNormsIn given: [GivenPlaces]) -> Set<String> {
        Set(given.flatMap { layers[$0.norm].parts.values.map(\.name) })
    }

    /// Norm → convolution of the given pairs whose layers are both among these.
    func placesHere(_ given: GivenPairs) -> [Int: Int] {
        let named = placesByName
        var found: [Int: Int] = [:]
        for pair in given.pairs {
            guard let norm = named[pair.norm], let convolution = named[pair.convolution] else { continue }
            found[norm] = convolution
        }
        return found
    }

    /// Layers by the names that reports give them, and by their paths.
    private var placesByName: [String: Int] {
        var named = Dictionary(layers.indices.map { (name(of: layers[$0]), $0) }) { first, _ in first }
        for (place, layer) in layers.enumerated() { named[layer.path] = named[layer.path] ?? place }
        return named
    }

    /// The one layer whose name ends as another does: files may have a prefix before a module's names (`module.`).
    private func similar(to name: String, where isCandidate: (Int) -> Bool) -> String? {
        let found = layers.indices.filter { place in
            let path = layers[place].path
            return isCandidate(place) && (path.hasSuffix(".\(name)") || name.hasSuffix(".\(path)"))
        }
        return found.count == 1 ? self.name(of: layers[found[0]]) : nil
    }
}

extension Network {
    /// Checks that every given pair is one of this network's.
    ///
    /// Throws `GivenPairError.contradictsGraph` where names or a family tell another one.
    func check(_ given: [GivenPlaces], in layers: NamedLayers) throws(GivenPairError) {
        // The norm's parameters → the convolution before it.
        var before: [String: Node] = [:]
        for (norm, convolution) in ConvolutionNormPairs(self).convolutionBefore {
            for name in nodes[norm].operation.parameters { before[name] = nodes[convolution] }
        }
        for places in given {
            let norm = layers.layers[places.norm]
            let found = norm.parts.values.lazy.compactMap { before[$0.name] }.first
            let kernel = layers.layers[places.convolution].kernel?.name
            guard let kernel, found?.operation.parameters.contains(kernel) == true else {
                throw .contradictsGraph(pair: places.pair, found: found?.layer)
            }
        }
    }
}
