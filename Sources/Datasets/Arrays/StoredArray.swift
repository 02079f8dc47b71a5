import Archives
import HDF5

/// An array of a split's file, in any format. Rows are positions of the first dimension.
protocol StoredArray: Sendable {
    var name: String { get }
    /// Extents, outermost first.
    var shape: [Int] { get }
    /// The element type in words, for errors.
    var elementName: String { get }
    var isUInt8: Bool { get }
    var isFloat: Bool { get }
    /// Whether elements are booleans, which are read as 0 and 1.
    var isBoolean: Bool { get }
    /// Rows in one chunk, which are read together.
    var rowsPerChunk: Int { get }
    /// Rows of a uint8 array.
    func bytes(rows: Range<Int>) throws(DatasetError) -> [UInt8]
    /// Rows of any array, as Float32.
    func floats(rows: Range<Int>) throws(DatasetError) -> [Float]
    /// All elements of an array of integers.
    func integers() throws(DatasetError) -> [Int]
}

extension StoredArray {
    var rowsPerChunk: Int { 1 }
    var isBoolean: Bool { false }
}

/// A dataset of an HDF5 file.
struct HDF5Array: StoredArray {
    let name: String
    let dataset: Dataset

    var shape: [Int] { dataset.shape }
    var elementName: String { dataset.elementType.rawValue }
    var isUInt8: Bool { dataset.elementType == .uint8 }
    var isFloat: Bool { dataset.elementType.isFloat }
    var isBoolean: Bool { dataset.isBoolean }
    var rowsPerChunk: Int { dataset.rowsPerChunk }

    func bytes(rows: Range<Int>) throws(DatasetError) -> [UInt8] {
        try hdf5Result { () throws(HDF5Error) in try dataset.readBytes(rows: rows) }
    }

    func floats(rows: Range<Int>) throws(DatasetError) -> [Float] {
        try hdf5Result { () throws(HDF5Error) in try dataset.readFloats(rows: rows) }
    }

    func integers() throws(DatasetError) -> [Int] {
        try hdf5Result { () throws(HDF5Error) in try dataset.readInts() }
    }
}

/// An array of an npz archive, in memory as it is stored.
struct NpzArray: StoredArray {
    let file: String
    let name: String
    let array: NumpyArray

    var shape: [Int] { array.shape }
    var elementName: String { isBoolean ? "bool" : array.elementType.rawValue }
    var isUInt8: Bool { array.elementType == .uint8 && !isBoolean }
    var isFloat: Bool { array.elementType.isFloat }
    var isBoolean: Bool { array.isBoolean }

    func bytes(rows: Range<Int>) throws(DatasetError) -> [UInt8] {
        let elements = elements(of: rows)
        let storage = array.storage
        return Array(
            storage[storage.startIndex + elements.lowerBound..<storage.startIndex + elements.upperBound])
    }

    func floats(rows: Range<Int>) throws(DatasetError) -> [Float] {
        let elements = elements(of: rows)
        return [Float](unsafeUninitializedCapacity: elements.count) { buffer, initialized in
            if let target = buffer.baseAddress { array.copyFloats(elements, to: target) }
            initialized = elements.count
        }
    }

    func integers() throws(DatasetError) -> [Int] {
        guard let integers = array.integers() else {
            throw .wrongLabels(file: file, object: name, found: "\(elementName) beyond 63 bits")
        }
        return integers
    }

    private func elements(of rows: Range<Int>) -> Range<Int> {
        let perRow = shape.dropFirst().reduce(1, *)
        return rows.lowerBound * perRow..<rows.upperBound * perRow
    }
}
