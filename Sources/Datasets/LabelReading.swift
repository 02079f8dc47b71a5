/// Where a split's labels were found, and which class each of them is: what was understood, for people to check.
package struct LabelReading: Sendable, Equatable, Codable {
    /// What was taken for the label: `column 'ClassId'`, `the last word of each line`.
    package var source: String
    /// Which class a label is: `numbers are outputs`, `names in sorted order`.
    package var order: String

    /// Labels that are numbers of a network's outputs.
    static let numbers = "numbers are outputs"

    /// Whether labels are the network's outputs because they are numbers.
    package var areNumbers: Bool { order == Self.numbers }
}

/// What a split says of its images' classes.
enum ClassLabels: Equatable {
    /// The classes' names; their order is not known.
    case names([String])
    /// Numbers of outputs. Names by number where the split has them, for those that occur; `count`: how many classes
    /// there are, where the split says so.
    case numbers([Int], names: [String]?, count: Int? = nil)
    /// Places among names, whose order is the split's: nothing says that it is the network's too.
    case places([Int], of: [String])

    /// Labels as places among a network's outputs.
    struct Resolved: Equatable {
        var labels: [Int]
        /// Names by label.
        var names: [String]?
        /// How many classes the split has, where nothing says which output each of them is.
        var unplaced: Int?
        /// Which class a label is, for people.
        var order: String
    }

    /// Labels by `classes`, which say which output a name is. Without them names stand for their place in sorted order,
    /// the order of their code points as in Python, or in the split's own; numbers are outputs, also where `classes`
    /// are there, but for lines of these that begin with such numbers.
    func resolved(by classes: ClassIndices?, in source: String) throws(DatasetError) -> Resolved {
        switch self {
        case .names(let names):
            if let classes { return try Self.looked(up: names, in: classes, source) }
            let sorted = Set(names).sortedByCodePoints
            let places = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, $0) })
            return Resolved(
                labels: names.compactMap { places[$0] }, names: sorted, unplaced: sorted.count,
                order: "names in sorted order")
        case .numbers(let numbers, let names, let count):
            guard let classes, names != nil || classes.name(anyOf: numbers) else {
                return Resolved(
                    labels: numbers, names: names ?? classes?.names, unplaced: count,
                    order: LabelReading.numbers)
            }
            let texts = numbers.map { number in names.map { $0[number] } ?? "\(number)" }
            return try Self.looked(up: texts, in: classes, source)
        case .places(let places, let names):
            // Names that only count say nothing that could be looked up.
            let areNumbers = names.enumerated().allSatisfy { $1 == "\($0)" }
            guard let classes, !areNumbers || classes.name(anyOf: places) else {
                return Resolved(
                    labels: places, names: names, unplaced: names.count,
                    order: areNumbers ? LabelReading.numbers : "names in the split's order")
            }
            return try Self.looked(up: places.map { names[$0] }, in: classes, source)
        }
    }

    private static func looked(
        up names: [String], in classes: ClassIndices, _ source: String
    ) throws(DatasetError) -> Resolved {
        Resolved(
            labels: try classes.indices(of: names, in: source), names: classes.names,
            order: "names as in \(classes.source)")
    }
}
