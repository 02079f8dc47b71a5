/// Short, unique names for several networks.
package struct NetworkNames: Sendable {
    /// For each path its shortest end of whole components that no other path has: `model.h5`, or `a/model.h5` and
    /// `b/model.h5`. Equal paths have equal names.
    package let full: [String]
    /// The position of the part of a name that makes it unique.
    private let telling: [Int]

    /// Names of files.
    package init(_ paths: [String]) {
        let parts = paths.map { $0.split(separator: "/", omittingEmptySubsequences: false) }
        let longest = parts.map(\.count).max() ?? 0
        let counts = paths.indices.map { index in
            (1...max(longest, 1)).first { count in
                !paths.indices.contains {
                    paths[$0] != paths[index] && parts[$0].suffix(count) == parts[index].suffix(count)
                }
            } ?? longest
        }
        full = zip(parts, counts).map { $0.suffix($1).joined(separator: "/") }
        telling = zip(full, counts).map { name, count in
            count > 1
                ? name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)[0].count : 0
        }
    }

    /// The names in a number of columns, at least four. Shortened names stay unique: by the end of the file name, by the part
    /// of the path that differs, or by a number.
    package func fitting(_ columns: Int) -> [String] {
        let columns = max(columns, 4)
        let forms: [(String, Int) -> String] = [
            { name, _ in Formatting.tail(name, width: columns) },
            { name, telling in Self.middle(name, head: telling + 1, columns) },
            { name, _ in Self.middle(name, head: columns / 2, columns) },
            { name, _ in Formatting.head(name, width: columns) },
        ]
        for form in forms {
            let short = zip(full, telling).map { form($0, $1) }
            if Set(short).count == Set(full).count { return short }
        }
        var numbers: [String: Int] = [:]
        for name in full where numbers[name] == nil { numbers[name] = numbers.count + 1 }
        return full.map { name in
            let number = "\(numbers[name] ?? 0) "
            return Formatting.head(
                number + Formatting.tail(name, width: columns - number.count), width: columns)
        }
    }

    /// A text with an ellipsis for its middle, and a limited number of characters before it.
    private static func middle(_ text: String, head: Int, _ columns: Int) -> String {
        guard Columns.count(text) > columns else { return text }
        let start = Columns.prefix(text, min(head, columns - 2))
        return start + "…" + Columns.suffix(text, columns - 1 - Columns.count(String(start)))
    }
}
