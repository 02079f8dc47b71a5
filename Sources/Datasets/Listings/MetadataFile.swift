import Foundation

/// The list that Hugging Face's image folders have: `metadata.csv` or `metadata.jsonl`, with `file_name` and other columns.
enum MetadataFile {
    /// The list in a folder; nil if there is none.
    static func path(in folder: String) -> String? {
        ["metadata.csv", "metadata.jsonl"].map { folder + "/" + $0 }
            .first { FileManager.default.fileExists(atPath: $0) && !isFolder($0) }
    }

    /// The rows of a `.jsonl` file, an object on each line: the keys of the first one in sorted order, then the values.
    /// Values other than strings, numbers and truth values are empty.
    static func rows(
        ofLines lines: [(line: Int, text: Substring)], file: String
    ) throws(DatasetError) -> [ListTable.Row] {
        var rows: [ListTable.Row] = []
        var keys: [String] = []
        for (line, text) in lines {
            let json = try? JSONSerialization.jsonObject(with: Data(text.utf8))
            guard let object = json as? [String: Any] else {
                throw .malformedLine(
                    file: file, line: line, found: String(text),
                    expected: "a JSON object, as {\"file_name\": …}")
            }
            if rows.isEmpty {
                keys = object.keys.sorted()
                rows.append(ListTable.Row(line: line, fields: keys))
            }
            rows.append(ListTable.Row(line: line, fields: keys.map { Self.text(object[$0]) }))
        }
        return rows
    }

    private static func text(_ value: Any?) -> String {
        switch value {
        case let text as String: text
        case let number as NSNumber: "\(number)"
        default: ""
        }
    }
}
