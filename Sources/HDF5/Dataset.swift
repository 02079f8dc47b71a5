import CHDF5
import Tensors

/// A dataset of numbers of an open file, checked when it was opened: its storage is in the file and can hold what
/// its shape declares.
package struct Dataset: Sendable {
    /// The file it is in.
    package let file: HDF5File
    /// Its place, for errors.
    package let location: HDF5Location
    /// Extents, outermost first; empty for a scalar.
    package let shape: [Int]
    /// The number of elements.
    package let count: Int
    /// The type of the elements, whatever their byte order.
    package let elementType: ElementType
    /// Whether the elements are truth values, which read as the integers 0 and 1.
    package let isBoolean: Bool
    /// Rows (positions of the first dimension) that are only read together: those of a chunk, 1 where there are none.
    package let rowsPerChunk: Int
    let handle: Handle
    let address: UInt64

    /// The attributes of the dataset.
    package var attributes: Attributes {
        Attributes(handle: handle, location: location, file: file)
    }

    /// Bytes of all elements in memory.
    package var byteCount: Int { count * elementType.size }

    /// Called under the library's lock.
    init(
        file: HDF5File, handle: Handle, location: HDF5Location, address: UInt64, acceptsBooleans: Bool = false
    ) throws(HDF5Error) {
        self.file = file
        self.handle = handle
        self.location = location
        self.address = address
        let storage = try Storage(handle, location)
        rowsPerChunk = storage.rowsPerChunk
        let type = try Handle.type(H5Dget_type(handle.id), location)
        let boolean = acceptsBooleans ? ElementType(boolean: type.id) : nil
        guard let kind = boolean ?? ElementType(type: type.id) else {
            throw .wrongType(
                location, found: ElementType.describe(type.id), expected: "floats or integers of 8 to 64 bits"
            )
        }
        (elementType, isBoolean) = (kind, boolean != nil)
        (shape, count) = try Self.readShape(handle, location, elementSize: kind.size)
        try storage.check(shape: shape, bytes: count * kind.size, elementSize: kind.size, file: file)
        try file.ledger.add(
            count * kind.size, address: address,
            limit: file.limits.total(ofFileBytes: file.byteCount), location)
    }

    /// Extents and their product, of which the bytes fit an `Int` too.
    static func readShape(
        _ handle: Handle, _ location: HDF5Location, elementSize: Int
    ) throws(HDF5Error) -> ([Int], Int) {
        let space = try Handle.space(H5Dget_space(handle.id), location)
        guard H5Sget_simple_extent_type(space.id) != H5S_NULL else {
            throw .wrongObject(location, found: "a null dataspace", expected: "a shape")
        }
        let rank = try Library.check(H5Sget_simple_extent_ndims(space.id), "reading the shape", location)
        var extents = [hsize_t](repeating: 0, count: Int(rank))
        try Library.check(H5Sget_simple_extent_dims(space.id, &extents, nil), "reading the shape", location)
        let shape = extents.compactMap { Int(exactly: $0) }
        guard shape.count == extents.count, let bytes = Shape.product(of: shape, times: elementSize) else {
            throw .shapeOverflow(location, extents: extents.map { UInt64($0) })
        }
        return (shape, bytes / elementSize)
    }
}
