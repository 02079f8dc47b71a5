import CHDF5
import Foundation
import Tensors

extension Dataset {
    /// All values as Float, whatever numbers are stored.
    package func readFloats() throws(HDF5Error) -> [Float] { try floats(nil) }

    /// The values of some rows (positions of the first dimension) as Float.
    package func readFloats(rows: Range<Int>) throws(HDF5Error) -> [Float] { try floats(rows) }

    /// All values as Int; only of integer datasets.
    package func readInts() throws(HDF5Error) -> [Int] { try ints(nil) }

    /// The values of some rows as Int; only of integer datasets.
    package func readInts(rows: Range<Int>) throws(HDF5Error) -> [Int] { try ints(rows) }

    /// The values of some rows as they are; only of uint8 datasets.
    package func readBytes(rows: Range<Int>) throws(HDF5Error) -> [UInt8] {
        guard elementType == .uint8 else {
            throw .wrongType(location, found: elementType.rawValue, expected: "uint8")
        }
        return try array(rows, of: UInt8.self, as: .uint8)
    }

    /// Reads rows into memory of the caller, in this machine's byte order, converted to `kind`. Nil means all rows,
    /// and the whole of a scalar. The buffer has exactly the size of the values.
    package func read(
        rows: Range<Int>? = nil, as kind: ElementType, into buffer: UnsafeMutableRawBufferPointer
    ) throws(HDF5Error) {
        let elements = try elementCount(rows)
        guard buffer.count == elements * kind.size else {
            throw .wrongRange(
                location, found: "a buffer of \(buffer.count) bytes",
                expected: "\(elements * kind.size) bytes")
        }
        guard elements > 0 else { return }
        try Library.locked { () throws(HDF5Error) in
            Library.approach(location)
            let type = try kind.nativeType(location)
            let selection = try rows.map { (rows) throws(HDF5Error) in try select(rows, elements: elements) }
            let status = H5Dread(
                handle.id, type.id, selection?.memory.id ?? chdf5_all(), selection?.file.id ?? chdf5_all(),
                chdf5_default(), buffer.baseAddress)
            try file.checkUnchanged()
            try Library.check(status, "reading the values", location)
        }
    }

    /// The number of elements of some rows, which must exist.
    private func elementCount(_ rows: Range<Int>?) throws(HDF5Error) -> Int {
        guard let rows else { return count }
        guard let first = shape.first, rows.lowerBound >= 0, rows.upperBound <= first else {
            throw .wrongRange(location, found: "rows \(rows)", expected: "rows of shape \(shape)")
        }
        return first == 0 ? 0 : count / first * rows.count
    }

    private func select(_ rows: Range<Int>, elements: Int) throws(HDF5Error) -> (file: Handle, memory: Handle)
    {
        let space = try Handle.space(H5Dget_space(handle.id), location)
        let start = [hsize_t(rows.lowerBound)] + [hsize_t](repeating: 0, count: shape.count - 1)
        let extents = [hsize_t(rows.count)] + shape.dropFirst().map { hsize_t($0) }
        let status = H5Sselect_hyperslab(space.id, H5S_SELECT_SET, start, nil, extents, nil)
        try Library.check(status, "selecting rows", location)
        var length = hsize_t(elements)
        return (space, try Handle.space(H5Screate_simple(1, &length, nil), location))
    }

    private func ints(_ rows: Range<Int>?) throws(HDF5Error) -> [Int] {
        guard !elementType.isFloat else {
            throw .wrongType(location, found: elementType.rawValue, expected: "integers")
        }
        return try array(rows, of: Int.self, as: .int64)
    }

    private func floats(_ rows: Range<Int>?) throws(HDF5Error) -> [Float] {
        switch elementType {
        case .float16: try array(rows, of: UInt16.self, as: .float16).map(HalfPrecision.float(half:))
        case .bfloat16: try array(rows, of: UInt16.self, as: .bfloat16).map(HalfPrecision.float(bfloat16:))
        default: try array(rows, of: Float.self, as: .float32)
        }
    }

    /// Reads straight into a new array.
    private func array<Element: BitwiseCopyable>(
        _ rows: Range<Int>?, of type: Element.Type, as kind: ElementType
    ) throws(HDF5Error) -> [Element] {
        let elements = try elementCount(rows)
        var failure: HDF5Error?
        let values = [Element](unsafeUninitializedCapacity: elements) { buffer, initialized in
            let bytes = UnsafeMutableRawBufferPointer(
                UnsafeMutableBufferPointer(rebasing: buffer.prefix(elements)))
            useLargePages(bytes)
            do throws(HDF5Error) {
                try read(rows: rows, as: kind, into: bytes)
                initialized = elements
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return values
    }
}

/// Asks for large pages, where the system has some, for untouched memory: it comes in pieces of 2 MB then
/// rather than of 4 KB, which takes longer than to read a file.
private func useLargePages(_ buffer: UnsafeMutableRawBufferPointer) {
    #if os(Linux)
        let page = Int(getpagesize())
        guard buffer.count >= 16 << 20, let start = buffer.baseAddress else { return }
        let first = start + (page - Int(bitPattern: start) % page) % page
        madvise(first, (buffer.count - (first - start)) / page * page, MADV_HUGEPAGE)
    #endif
}
