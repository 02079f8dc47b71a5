import Foundation

/// The output of each class name.
package struct ClassIndices: Sendable, Equatable {
    /// The source of the names, for errors.
    package let source: String
    /// Names by output. Outputs without a name have their number.
    package let names: [String]
    /// Whether a number is an output even if a class has it as name.
    private let numbersAreOutputs: Bool
    /// The outputs of a name: several if it is ambiguous, such as ImageNet's `crane`.
    private let places: [String: Set<Int>]

    /// The names of all outputs in order, from a network's file.
    package init(names: [String], source: String) throws(DatasetError) {
        try self.init(
            names.enumerated().map { ($1, $0) }, source: source, repeats: true, numbersAreOutputs: true)
    }

    /// Reads a text file: a line `NAME INDEX` for each class or, if not every line ends in a number, the names of all outputs
    /// line by line. In the second form a description may follow the name, as in ImageNet's lists
    /// (`n01440764 tench, Tinca tinca`). Empty lines and lines that begin with `#` are skipped.
    package init(path: String) throws(DatasetError) {
        let lines = try listText(path, limit: 16 << 20).split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard !lines.isEmpty else { throw .emptyList(file: path) }
        let pairs = lines.compactMap(Self.pair)
        guard pairs.count < lines.count else {
            try self.init(pairs, source: path)
            return
        }
        let words = lines.map { $0.prefix { !$0.isWhitespace } }
        let named = lines.enumerated().map { ($1, $0) }
        let whole = Set(lines)
        let short = words.enumerated().map { (String($1), $0) }.filter { !whole.contains($0.0) }
        // The first words are also names if they are unique.
        try self.init(named + (Set(words).count == words.count ? short : []), source: path, repeats: true)
    }

    /// `repeats`: whether a name may have several outputs, if it is not used.
    private init(
        _ pairs: [(name: String, index: Int)], source: String, repeats: Bool = false,
        numbersAreOutputs: Bool = false
    ) throws(DatasetError) {
        var places: [String: Set<Int>] = [:]
        let most = pairs.map(\.index).max() ?? 0
        guard most < 1 << 20, pairs.allSatisfy({ $0.index >= 0 }) else {
            throw .malformedClasses(file: source, found: "index \(most)", expected: "0…1048575")
        }
        var names = (0...most).map(String.init)
        for (name, index) in pairs {
            if names[index] == "\(index)" { names[index] = name }
            places[name, default: []].insert(index)
        }
        if !repeats { for (name, outputs) in places { _ = try Self.only(outputs, of: name, in: source) } }
        (self.source, self.names, self.places) = (source, names, places)
        self.numbersAreOutputs = numbersAreOutputs
    }

    private static func pair(_ line: String) -> (name: String, index: Int)? {
        guard let end = line.lastIndex(where: { $0.isWhitespace || $0 == "," }),
            let index = Int(line[line.index(after: end)...])
        else { return nil }
        let name = line[..<end].trimmingCharacters(in: CharacterSet(charactersIn: " \t,"))
        return name.isEmpty ? nil : (name, index)
    }

    /// Whether numbers are names of classes here, some of them at least.
    func name(anyOf numbers: [Int]) -> Bool {
        !numbersAreOutputs && Set(numbers).contains { places["\($0)"] != nil }
    }

    /// The outputs of names. Throws for the first unknown or ambiguous one; `file` is their source.
    func indices(of names: [String], in file: String) throws(DatasetError) -> [Int] {
        var indices: [Int] = []
        indices.reserveCapacity(names.count)
        for name in names {
            guard let outputs = places[name] else {
                throw .unknownClass(file: file, name: name, classes: source)
            }
            indices.append(try Self.only(outputs, of: name, in: source))
        }
        return indices
    }

    private static func only(
        _ outputs: Set<Int>, of name: String, in source: String
    ) throws(DatasetError) -> Int {
        guard let index = outputs.first, outputs.count == 1 else {
            let all = outputs.sorted().map(String.init).joined(separator: " and as ")
            throw .malformedClasses(file: source, found: "'\(name)' as \(all)", expected: "one index")
        }
        return index
    }
}
