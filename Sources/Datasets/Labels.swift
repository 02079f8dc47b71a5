/// Class numbers from an array of labels: whole numbers or booleans [N] or [N, 1], or one-hot rows [N, classes].
func readLabels(
    _ array: any StoredArray, file: String, images: Int, classNames: [String]?
) throws(DatasetError) -> [Int] {
    let object = array.name
    guard let found = array.shape.first, array.shape.count <= 2 else {
        throw .wrongLabels(file: file, object: object, found: "\(array.elementName) of shape \(array.shape)")
    }
    guard found == images else {
        throw .lengthsDiffer(file: file, object: object, found: found, expected: images)
    }
    let columns = array.shape.count == 2 ? array.shape[1] : 1
    let labels: [Int]
    if columns > 1 {
        labels = try readOneHot(array, file: file, columns: columns)
    } else if columns == 1 {
        labels = array.isFloat ? try readWholeFloats(array, file: file) : try array.integers()
    } else {
        throw .wrongLabels(file: file, object: object, found: "\(array.elementName) of shape \(array.shape)")
    }
    let classes = classNames?.count
    if let image = labels.firstIndex(where: { $0 < 0 || $0 >= classes ?? .max }) {
        throw .labelOutOfRange(
            file: file, object: object, image: image, found: labels[image], classes: classes)
    }
    return labels
}

/// Floats that are whole numbers, as pandas writes a column with gaps.
private func readWholeFloats(_ array: any StoredArray, file: String) throws(DatasetError) -> [Int] {
    let values = try array.floats(rows: 0..<array.shape[0])
    // Floats are exact up to 2²⁴.
    if let image = values.firstIndex(where: { $0.rounded() != $0 || abs($0) > 0x1p24 }) {
        throw .labelNotWhole(file: file, object: array.name, image: image, found: values[image])
    }
    return values.map { Int($0) }
}

/// The position of the 1 in each row, read in blocks of about a million values.
private func readOneHot(
    _ array: any StoredArray, file: String, columns: Int
) throws(DatasetError) -> [Int] {
    let step = max(1, (1 << 20) / columns)
    var labels: [Int] = []
    for first in stride(from: 0, to: array.shape[0], by: step) {
        let rows = first..<min(first + step, array.shape[0])
        let values = try array.floats(rows: rows)
        for row in rows {
            let start = (row - first) * columns
            let scores = values[start..<start + columns]
            guard scores.allSatisfy({ $0 == 0 || $0 == 1 }) else {
                throw .notOneHot(file: file, object: array.name, image: row)
            }
            let ones = scores.count { $0 == 1 }
            guard ones == 1, let one = scores.firstIndex(of: 1) else {
                throw .severalLabels(file: file, object: array.name, image: row, found: ones)
            }
            labels.append(one - start)
        }
    }
    return labels
}
