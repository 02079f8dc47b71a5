/// An array whose images are in memory, as bytes or as floats. Names and types are those of the array that was read.
struct HeldArray: StoredArray {
    private let original: any StoredArray
    private let values: Block.Pixels

    /// Reads all images.
    init(_ array: any StoredArray, asBytes: Bool) throws(DatasetError) {
        let rows = 0..<array.shape[0]
        original = array
        values = asBytes ? .bytes(try array.bytes(rows: rows)) : .floats(try array.floats(rows: rows))
    }

    var name: String { original.name }
    var shape: [Int] { original.shape }
    var elementName: String { original.elementName }
    var isUInt8: Bool { original.isUInt8 }
    var isFloat: Bool { original.isFloat }
    var isBoolean: Bool { original.isBoolean }

    func bytes(rows: Range<Int>) throws(DatasetError) -> [UInt8] {
        guard case .bytes(let values) = values else { return try original.bytes(rows: rows) }
        return Array(values[elements(of: rows)])
    }

    func floats(rows: Range<Int>) throws(DatasetError) -> [Float] {
        guard case .floats(let values) = values else { return try original.floats(rows: rows) }
        return Array(values[elements(of: rows)])
    }

    func integers() throws(DatasetError) -> [Int] { try original.integers() }

    private func elements(of rows: Range<Int>) -> Range<Int> {
        let size = shape.dropFirst().reduce(1, *)
        return rows.lowerBound * size..<rows.upperBound * size
    }
}
