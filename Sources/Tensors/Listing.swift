extension Collection where Element: CustomStringConvertible {
    /// The first few in a sentence, and how many more there are: `conv1, conv2, conv3, … and 28 more`. No warning or error
    /// lists everything that a file holds.
    package func listed(_ limit: Int = 3) -> String {
        let shown = prefix(limit).map(\.description).joined(separator: ", ")
        return count > limit ? "\(shown), … and \(count - limit) more" : shown
    }
}

extension Int {
    /// The number and a noun in singular or plural: `1 norm`, `2 norms`.
    package func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}
