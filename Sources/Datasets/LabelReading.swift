/// The source of a split's labels and how they map to classes, for users to check.
package struct LabelReading: Sendable, Equatable, Codable {
    /// The source of the labels: `column 'ClassId'`, `the last word of each line`.
    package var source: String
    /// How labels map to classes: `numbers are output indices`, `names in sorted order`.
    package var order: String

    /// Labels that are numbers of a network's outputs.
    static let numbers = "numbers are output indices"

    /// Whether labels are the network's outputs because they are numbers.
    package var areNumbers: Bool { order == Self.numbers }
}

/// The labels as stored in a split.
enum ClassLabels: Equatable {
    /// Class names in unknown order.
    case names([String])
    /// Output indices, with names by index if the split has them; `count` is the number of classes, if the split gives it.
    case numbers([Int], names: [String]?, count: Int? = nil)
    /// Indices of names in the split's order, which may differ from the network's.
    case places([Int], of: [String])

    /// Labels as output indices.
    struct Resolved: Equatable {
        var labels: [Int]
        /// Names by label.
        var names: [String]?
        /// The split's number of classes, if nothing maps them to outputs.
        var unplaced: Int?
        /// How labels map to classes, as text.
        var order: String
    }

    /// Maps labels to outputs. `classes` maps names. Without it, a name is its position in the split's own order or in sorted
    /// order (by code points, as in Python). A number is an output index, unless a line of `classes` begins with that
    /// number.
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
            // Names that are only numbers cannot be looked up.
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
