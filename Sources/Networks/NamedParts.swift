import Tensors

/// The networks of a file and their norms' settings, by what stands before their parameters' names: `encoder_q.` and `encoder_k.`, or nothing.
struct NamedParts {
    /// The parameters of one network, in file order.
    struct Part {
        let prefix: String
        fileprivate(set) var parameters = ParameterTable()
        /// Settings of its norms without statistics, by layer name.
        fileprivate(set) var groupNorms: [String: GroupNormSettings]?
        fileprivate(set) var hasStatistics = false

        /// False for averages of a network's weights, or an optimizer's: they have its names, and no statistics.
        var isNetwork: Bool { hasStatistics || groupNorms?.isEmpty == false }
    }

    /// The one with the shortest prefix, with all that belongs to none.
    let main: Part
    /// The others, networks first.
    let others: [Part]

    /// A name that every network of a family has, and others of which one tells that it begins there.
    struct Mark {
        let block: String
        let stems: [String]

        static let torch = Mark(block: "layer1.0.conv1.weight", stems: ["conv1.weight", "conv1.0.weight"])
        static let preActivation = Mark(
            block: "stages.0.blocks.0.conv1.weight", stems: ["stem.conv.weight"])

        /// Those of all families.
        static let all = [torch, preActivation] + TorchFamily.all.flatMap(\.marks)
    }

    init(_ parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings]?) {
        let dotted = parameters.names.map { $0.replacing("/", with: ".") }
        let prefixes = Self.prefixes(of: Mark.all, in: dotted)
        guard prefixes.count > 1 else {
            main = Part(prefix: "", parameters: parameters, groupNorms: groupNorms)
            others = []
            return
        }
        var members: [String?: [Parameter]] = [:]
        for (parameter, name) in zip(parameters, dotted) {
            members[Self.longestPrefix(of: name, among: prefixes), default: []].append(parameter)
        }
        let grouped = groupNorms.map { norms in
            Dictionary(grouping: norms) { Self.longestPrefix(of: $0.key, among: prefixes) }
        }
        func norms(of prefix: String?) -> [String: GroupNormSettings]? {
            grouped.map { Dictionary(uniqueKeysWithValues: ($0[prefix] ?? []).map { ($0.key, $0.value) }) }
        }
        var parts = prefixes.map { prefix in
            let own = members[prefix] ?? []
            return Part(
                prefix: prefix, parameters: ParameterTable(own), groupNorms: norms(of: prefix),
                hasStatistics: own.contains { $0.name.hasSuffix("running_var") })
        }
        parts.sort {
            ($0.isNetwork ? 0 : 1, $0.prefix.utf8.count, $0.prefix)
                < ($1.isNetwork ? 0 : 1, $1.prefix.utf8.count, $1.prefix)
        }
        parts[0].parameters = ParameterTable(Array(parts[0].parameters) + (members[nil] ?? []))
        parts[0].groupNorms?.merge(norms(of: nil) ?? [:]) { own, _ in own }
        main = parts[0]
        others = Array(parts.dropFirst())
    }

    /// The prefixes of networks with one of these marks, among dotted names.
    static func prefixes(of marks: [Mark], in names: [String]) -> Set<String> {
        let all = Set(names)
        return marks.reduce(into: []) { prefixes, mark in
            for name in names where name.hasSuffix(mark.block) {
                let prefix = String(name.dropLast(mark.block.count))
                guard prefix.isEmpty || prefix.hasSuffix("."),
                    prefix.count(where: { $0 == "." }) <= deepest,
                    mark.stems.contains(where: { all.contains(prefix + $0) })
                else { continue }
                prefixes.insert(prefix)
            }
        }
    }

    /// The shortest of these prefixes; nil if there is none.
    static func shortestPrefix(of marks: [Mark], in names: [String]) -> String? {
        prefixes(of: marks, in: names).min { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
    }

    /// Modules around a network at most.
    private static let deepest = 16

    private static func longestPrefix(of name: String, among prefixes: Set<String>) -> String? {
        var longest = prefixes.contains("") ? "" : nil
        var start = name.startIndex
        for _ in 0..<deepest {
            guard let dot = name[start...].firstIndex(of: ".") else { break }
            let prefix = String(name[...dot])
            if prefixes.contains(prefix) { longest = prefix }
            start = name.index(after: dot)
        }
        return longest
    }
}
