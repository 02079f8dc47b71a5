/// Class numbers from an array of labels, and the number of classes where the array gives it: one-hot rows and booleans do.
///
/// Extents of 1 do not count: [N, 1], [1, N] and [N, 1, 1, 1] are N labels. Rows of several columns, [N, classes], are one-hot.
func readLabels(
    _ array: any StoredArray, file: String, images: Int, classNames: [String]?
) throws(DatasetError) -> (labels: [Int], classes: Int?) {
    let object = array.name
    let (found, columns) = try labelExtents(array, file: file, images: images)
    guard found == images else {
        throw .lengthsDiffer(file: file, object: object, found: found, expected: images)
    }
    let labels: [Int]
    if let columns {
        labels = try readOneHot(array, file: file, columns: columns)
    } else {
        labels = array.isFloat ? try readWholeFloats(array, file: file) : try array.integers()
    }
    let classes = classNames?.count
    if let image = labels.firstIndex(where: { $0 < 0 || $0 >= classes ?? .max }) {
        throw .labelOutOfRange(
            file: file, object: object, image: image, found: labels[image], classes: classes)
    }
    return (labels, columns ?? (array.isBoolean ? 2 : nil))
}

/// The number of labels, and the columns of one-hot rows.
private func labelExtents(
    _ array: any StoredArray, file: String, images: Int
) throws(DatasetError) -> (count: Int, columns: Int?) {
    let shape = array.shape
    let extents = shape.filter { $0 != 1 }
    // One row is of one image: its columns are no labels.
    let isRow = images == 1 && shape.count > 1 && shape[0] == 1 && extents.count == 1
    switch extents.count {
    case _ where shape.isEmpty || shape.dropFirst().contains(0): break
    case 1 where isRow: return (1, extents[0])
    case 0, 1: return (extents.first ?? 1, nil)
    case 2 where shape[0] != 1: return (extents[0], extents[1])
    default: break
    }
    throw .wrongLabels(file: file, object: array.name, found: "\(array.elementName) of shape \(shape)")
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
