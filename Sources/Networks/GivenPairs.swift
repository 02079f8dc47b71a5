import OrderedJSON
import Tensors

/// Pairs of a convolution and the norm that alone reads it, from somebody who knows the graph: torch.fx, for example.
package struct GivenPairs: Sendable, Equatable {
    /// One pair, by the layers' names in the file.
    package struct Pair: Sendable, Equatable {
        /// The convolution's layer.
        package var convolution: String
        /// The norm's layer.
        package var norm: String

        /// A pair.
        package init(convolution: String, norm: String) {
            (self.convolution, self.norm) = (convolution, norm)
        }
    }

    /// The pairs, in which no layer stands twice.
    package let pairs: [Pair]

    /// Pairs in which no layer may stand twice: otherwise throws `GivenPairError.duplicate`.
    package init(_ pairs: [Pair]) throws(GivenPairError) {
        var seen: [String: Pair] = [:]
        for pair in pairs {
            for layer in [pair.convolution, pair.norm] {
                if let first = seen.updateValue(pair, forKey: layer) {
                    throw .duplicate(layer: layer, first: first, second: pair)
                }
            }
        }
        self.pairs = pairs
    }

    /// Reads `[{"conv": NAME, "norm": NAME}, …]` or `{NAME: NAME, …}`, convolutions first.
    ///
    /// Throws `GivenPairError.malformed` for anything else, and `duplicate`.
    package init(json: JSON) throws(GivenPairError) {
        var pairs: [Pair] = []
        if let members = json.members {
            for member in members {
                guard let norm = member.value.string else {
                    throw .malformed(object: "'\(member.key)'", expected: "the name of a norm")
                }
                pairs.append(Pair(convolution: member.key, norm: norm))
            }
        } else if let entries = json.array {
            for (index, entry) in entries.enumerated() {
                guard let convolution = entry["conv"]?.string, let norm = entry["norm"]?.string,
                    entry.members?.count == 2
                else {
                    throw .malformed(
                        object: "entry \(index + 1)", expected: #"{"conv": NAME, "norm": NAME}"#)
                }
                pairs.append(Pair(convolution: convolution, norm: norm))
            }
        } else {
            throw .malformed(
                object: "the pairs", expected: #"[{"conv": NAME, "norm": NAME}, …] or {NAME: NAME, …}"#)
        }
        try self.init(pairs)
    }
}

/// Why pairs are not those of a file.
package enum GivenPairError: Error, Equatable {
    /// Not of the form that is read.
    case malformed(object: String, expected: String)
    /// A layer in two pairs.
    case duplicate(layer: String, first: GivenPairs.Pair, second: GivenPairs.Pair)
    /// The file has no such layer, or it is of another kind. `similar`: a layer whose name ends in the same way.
    case noSuchLayer(layer: String, pair: GivenPairs.Pair, expected: String, similar: String?)
    /// The convolution has another number of outputs than the norm has channels.
    case wrongChannels(pair: GivenPairs.Pair, found: Int, expected: Int)
    /// The graph is known and has another layer before the norm; nil where it is no convolution.
    case contradictsGraph(pair: GivenPairs.Pair, found: String?)
    /// A configuration states the graph.
    case graphIsKnown
}

extension GivenPairs.Pair: CustomStringConvertible {
    /// `'conv1' → 'bn1'`
    package var description: String { "'\(convolution)' → '\(norm)'" }
}

extension GivenPairError: CustomStringConvertible {
    /// The message in one line.
    package var description: String {
        switch self {
        case .malformed(let object, let expected): "\(object): not a pair, expected \(expected)"
        case .duplicate(let layer, let first, let second):
            "'\(layer)' stands in two pairs, \(first) and \(second): expected once"
        case .noSuchLayer(let layer, let pair, let expected, let similar):
            "pair \(pair): the file has no \(expected) named '\(layer)'"
                + (similar.map { "; it has '\($0)'" } ?? "; inspect lists the names")
        case .wrongChannels(let pair, let found, let expected):
            "pair \(pair): the convolution has \(found) outputs, expected the \(expected) channels of the norm"
        case .contradictsGraph(let pair, let found):
            "pair \(pair): the graph is known, and the norm reads \(found.map { "'\($0)'" } ?? "no convolution"): "
                + "leave the pair out"
        case .graphIsKnown:
            "pairs were given, but the configuration states the graph: leave --pairs out"
        }
    }
}
