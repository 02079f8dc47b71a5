import CHDF5
import Tensors

/// An open attribute whose size is within the limit. Used under the library's lock.
struct OpenAttribute {
    let name: String
    let handle: Handle
    let type: Handle
    let space: Handle
    /// Extents; empty for a scalar.
    let extents: [hsize_t]
    /// Elements; 0 for a null dataspace.
    let count: Int
    /// Bytes at most.
    private let limit: Int
    private let file: HDF5File

    init(
        _ name: String, of object: Handle, _ location: HDF5Location, file: HDF5File
    ) throws(HDF5Error) {
        self.name = name
        self.file = file
        limit = file.limits.attributeBytes
        handle = try .attribute(H5Aopen(object.id, name, chdf5_default()), name, location)
        // A transient copy: a committed type belongs to its own file.
        let stored = try Handle.type(H5Aget_type(handle.id), location)
        type = try .type(H5Tcopy(stored.id), location)
        space = try .space(H5Aget_space(handle.id), location)
        let rank = try Library.check(
            H5Sget_simple_extent_ndims(space.id), "reading attribute '\(name)'", location)
        var extents = [hsize_t](repeating: 0, count: Int(rank))
        try Library.check(
            H5Sget_simple_extent_dims(space.id, &extents, nil), "reading attribute '\(name)'", location)
        self.extents = extents
        let isNull = H5Sget_simple_extent_type(space.id) == H5S_NULL
        let bytes = extents.reduce(isNull ? 0 : max(H5Tget_size(type.id), 1)) { product, extent in
            let (next, overflow) = product.multipliedReportingOverflow(by: Int(clamping: extent))
            return overflow ? Int.max : next
        }
        guard bytes <= limit else {
            throw .attributeTooLarge(location, name: name, found: bytes, limit: limit)
        }
        count = bytes / max(H5Tget_size(type.id), 1)
    }

    /// Strings without their padding.
    func strings(_ location: HDF5Location) throws(HDF5Error) -> [String] {
        let isVariable = H5Tis_variable_str(type.id) > 0
        return try withRawValues(location) { (bytes) throws(HDF5Error) in
            isVariable
                ? StoredText.variable(bytes)
                : StoredText.fixed(
                    bytes, size: H5Tget_size(type.id),
                    isSpacePadded: H5Tget_strpad(type.id) == H5T_STR_SPACEPAD)
        }
    }

    /// Looks at strings and lists of variable length before the library allocates and copies them: many may share the same
    /// bytes of the file, an element, a character too, has as many bytes as the file says, and the heap that they stand in
    /// may not have them.
    private func checkReferences(_ location: HDF5Location) throws(HDF5Error) {
        let element = try Handle.type(H5Tget_super(type.id), location)
        guard try !Self.refersToHeap(element, location) else {
            throw mismatch(location, expected: "strings or lists of numbers")
        }
        let size = Int(clamping: H5Aget_storage_size(handle.id)) / count
        var bytes = [UInt8](repeating: 0, count: size * count)
        try Library.check(
            chdf5_read_references(handle.id, type.id, size, &bytes),
            "reading the lengths of attribute '\(name)'", location)
        let references = (0..<count).map { bytes[$0 * size..<($0 + 1) * size] }
        let elements = references.reduce(0) { $0 + GlobalHeap.length(of: $1) }
        let elementBytes = H5Tget_size(element.id)
        let (found, overflow) = elements.multipliedReportingOverflow(by: elementBytes)
        guard !overflow, found <= limit else {
            throw .attributeTooLarge(location, name: name, found: overflow ? .max : found, limit: limit)
        }
        var heap = GlobalHeap(of: file)
        for reference in references {
            do throws(GlobalHeap.Damage) {
                try heap.check(reference, elementBytes: elementBytes)
            } catch {
                throw .damagedAttribute(location, name: name, reason: error.reason)
            }
        }
    }

    /// Whether values of a type have parts of variable length.
    private static func refersToHeap(
        _ type: Handle, _ location: HDF5Location, depth: Int = 0
    ) throws(HDF5Error) -> Bool {
        // Deeper types are treated like these: they are not needed.
        guard depth < 16 else { return true }
        switch H5Tget_class(type.id) {
        case H5T_VLEN: return true
        case H5T_STRING: return H5Tis_variable_str(type.id) != 0
        case H5T_ARRAY:
            return try refersToHeap(.type(H5Tget_super(type.id), location), location, depth: depth + 1)
        case H5T_COMPOUND:
            for index in 0..<UInt32(max(H5Tget_nmembers(type.id), 0)) {
                let member = try Handle.type(H5Tget_member_type(type.id, index), location)
                if try refersToHeap(member, location, depth: depth + 1) { return true }
            }
            return false
        default: return false
        }
    }

    /// Passes all values as stored, and then frees the library's memory for them.
    func withRawValues<Result>(
        _ location: HDF5Location, _ body: (UnsafeMutableRawBufferPointer) throws(HDF5Error) -> Result
    ) throws(HDF5Error) -> Result {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: count * H5Tget_size(type.id), alignment: 16)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        guard buffer.count > 0 else { return try body(buffer) }
        if H5Tget_class(type.id) == H5T_VLEN || H5Tis_variable_str(type.id) > 0 {
            try checkReferences(location)
        } else if try Self.refersToHeap(type, location) {
            throw mismatch(location, expected: "strings, numbers, or lists or records of numbers")
        }
        try Library.check(
            H5Aread(handle.id, type.id, buffer.baseAddress), "reading attribute '\(name)'", location)
        defer { _ = H5Dvlen_reclaim(type.id, space.id, chdf5_default(), buffer.baseAddress) }
        return try body(buffer)
    }

    func mismatch(_ location: HDF5Location, expected: String) -> HDF5Error {
        .wrongAttribute(location, name: name, found: ElementType.describe(type.id), expected: expected)
    }
}
