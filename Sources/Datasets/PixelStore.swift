import Archives
import HDF5
import Tensors

/// The pixels of a split as they are stored: read by rows, or held in memory where they are few.
struct PixelStore: Sendable {
    /// Extents as stored, images first.
    let shape: [Int]
    /// Whether pixels are bytes of 0…255.
    let isBytes: Bool
    private let source: Source

    private enum Source: Sendable {
        case hdf5(Dataset)
        case numpy(NumpyArray)
        case memory([UInt8])
    }

    /// Byte images up to this size are read once: inflating a compressed chunk again for every batch would cost
    /// more than the network.
    private static let memoryLimit = 64 << 20

    init(_ dataset: Dataset) throws {
        shape = dataset.shape
        isBytes = dataset.elementKind == .uint8
        let small = isBytes && dataset.byteCount <= Self.memoryLimit && !shape.isEmpty
        source = small ? .memory(try dataset.readBytes(rows: 0..<shape[0])) : .hdf5(dataset)
    }

    init(_ array: NumpyArray) {
        shape = array.shape
        isBytes = array.elementType == .uint8
        source = .numpy(array)
    }

    private var rowCount: Int { shape.dropFirst().reduce(1, *) }

    /// Hands over the bytes of some images; only where `isBytes`.
    func withBytes(_ rows: Range<Int>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) throws {
        let elements = rows.lowerBound * rowCount..<rows.upperBound * rowCount
        switch source {
        case .hdf5(let dataset): try dataset.readBytes(rows: rows).withUnsafeBufferPointer(body)
        case .numpy(let array):
            let storage = array.storage
            storage[storage.startIndex + elements.lowerBound..<storage.startIndex + elements.upperBound]
                .withUnsafeBufferPointer(body)
        case .memory(let bytes): bytes[elements].withUnsafeBufferPointer(body)
        }
    }

    /// The pixels of some images as Float, whatever is stored.
    func floats(_ rows: Range<Int>) throws -> [Float] {
        switch source {
        case .hdf5(let dataset): return try dataset.readFloats(rows: rows)
        case .numpy(let array):
            let elements = rows.lowerBound * rowCount..<rows.upperBound * rowCount
            return [Float](unsafeUninitializedCapacity: elements.count) { buffer, count in
                if let start = buffer.baseAddress { array.copyFloats(elements, to: start) }
                count = elements.count
            }
        case .memory(let bytes):
            return bytes[rows.lowerBound * rowCount..<rows.upperBound * rowCount].map(Float.init)
        }
    }
}
