/// Labels as stored.
enum LabelArray {
    /// Class numbers, truth values or one-hot rows.
    case numbers(any StoredArray)
    /// Class names, or numbers as text.
    case texts(TextArray)

    /// The labels of a number of images. `classNames` is the file's order of the classes, if it has one.
    func read(file: String, images: Int, classNames: [String]?) throws(DatasetError) -> ClassLabels {
        switch self {
        case .numbers(let array):
            let (labels, classes) = try readLabels(array, file: file, images: images, classNames: classNames)
            if let classNames { return .places(labels, of: classNames) }
            return .numbers(labels, names: nil, count: classes)
        case .texts(let array):
            return try array.labels(file: file, images: images, classNames: classNames)
        }
    }
}

/// Strings of a split's file.
struct TextArray {
    let name: String
    let shape: [Int]
    /// Reads them all, in row-major order.
    let strings: () throws(DatasetError) -> [String]

    /// Strings that are read at most: each takes several times its bytes in memory.
    static let most = 1 << 21

    /// Numbers if all strings are whole numbers, otherwise names, as in lists. Their number is checked before they are read.
    fileprivate func labels(
        file: String, images: Int, classNames: [String]?
    ) throws(DatasetError) -> ClassLabels {
        let extents = shape.filter { $0 != 1 }
        guard extents.count <= 1, images <= Self.most else {
            throw .wrongLabels(
                file: file, object: name,
                found: "strings of shape \(shape)" + (images > Self.most ? ", more than \(Self.most)" : ""))
        }
        let count = extents.first ?? 1
        guard count == images else {
            throw .lengthsDiffer(file: file, object: name, found: count, expected: images)
        }
        let strings = try strings()
        if let classNames, Set(strings).isSubset(of: classNames) {
            let places = Dictionary(classNames.enumerated().map { ($1, $0) }) { first, _ in first }
            return .places(strings.map { places[$0] ?? 0 }, of: classNames)
        }
        let cells = strings.enumerated().map { LabelColumn.Cell(line: $0, text: $1) }
        return try LabelColumn(file: file, cells: cells, array: name).labels()
    }
}
