import CHDF5

/// A dataset of strings of an open file, checked when it was opened.
package struct TextDataset: Sendable {
    /// Its place, for errors.
    package let location: HDF5Location
    /// Extents, outermost first; empty for a scalar.
    package let shape: [Int]
    private let file: HDF5File
    private let handle: Handle
    private let type: Handle
    private let count: Int

    /// The attributes of the dataset.
    package var attributes: Attributes {
        Attributes(handle: handle, location: location, file: file)
    }

    /// Nil where the elements are no strings. Called under the library's lock.
    init?(file: HDF5File, handle: Handle, location: HDF5Location, address: UInt64) throws(HDF5Error) {
        let storage = try Storage(handle, location)
        let stored = try Handle.type(H5Dget_type(handle.id), location)
        guard H5Tget_class(stored.id) == H5T_STRING else { return nil }
        // A transient copy: a committed type belongs to its own file.
        type = try .type(H5Tcopy(stored.id), location)
        (self.file, self.handle, self.location) = (file, handle, location)
        let isVariable = H5Tis_variable_str(type.id) > 0
        let size = isVariable ? Self.referenceBytes(file) : H5Tget_size(type.id)
        (shape, count) = try Dataset.readShape(handle, location, elementSize: max(size, 1))
        try storage.check(shape: shape, bytes: count * size, elementSize: size, file: file)
        try file.ledger.add(
            count * size, address: address, limit: file.limits.total(ofFileBytes: file.byteCount), location)
    }

    /// Bytes of a string of variable length where the dataset is: its length, the heap's address, a number in it.
    private static func referenceBytes(_ file: HDF5File) -> Int { 8 + file.bytes.address_bytes }

    /// All strings in row-major order, without their padding. Bytes that are not UTF-8 become U+FFFD.
    package func strings() throws(HDF5Error) -> [String] {
        guard count > 0 else { return [] }
        return try Library.locked { () throws(HDF5Error) in
            Library.approach(location)
            let isVariable = H5Tis_variable_str(type.id) > 0
            if isVariable { try checkReferences() }
            let size = H5Tget_size(type.id)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count * size, alignment: 16)
            defer { buffer.deallocate() }
            buffer.initializeMemory(as: UInt8.self, repeating: 0)
            let status = H5Dread(
                handle.id, type.id, chdf5_all(), chdf5_all(), chdf5_default(), buffer.baseAddress)
            try file.checkUnchanged()
            try Library.check(status, "reading the strings", location)
            guard isVariable else {
                let isPadded = H5Tget_strpad(type.id) == H5T_STR_SPACEPAD
                return StoredText.fixed(buffer, size: size, isSpacePadded: isPadded)
            }
            let space = try Handle.space(H5Dget_space(handle.id), location)
            defer { _ = H5Dvlen_reclaim(type.id, space.id, chdf5_default(), buffer.baseAddress) }
            return StoredText.variable(buffer)
        }
    }

    /// Looks at the lengths before the library allocates: many strings may share the same bytes of the file.
    private func checkReferences() throws(HDF5Error) {
        let size = Self.referenceBytes(file)
        var bytes = [UInt8](repeating: 0, count: size * count)
        try Library.check(
            chdf5_read_references(handle.id, type.id, size, &bytes),
            "reading the lengths of the strings", location)
        // Labels and names are short, and each is copied.
        let limit = file.limits.allowance
        var (heap, total) = (GlobalHeap(of: file), 0)
        for index in 0..<count {
            let reference = bytes[index * size..<(index + 1) * size]
            total += GlobalHeap.length(of: reference)
            guard total <= limit else { throw .tooLarge(location, found: total, limit: limit) }
            do throws(GlobalHeap.Damage) {
                try heap.check(reference, elementBytes: 1)
            } catch {
                throw .damagedStrings(location, index: index, reason: error.reason)
            }
        }
    }
}

/// Strings as libhdf5 hands them over.
enum StoredText {
    /// Fields of one size, without the zeros or spaces that fill them up.
    static func fixed(_ bytes: UnsafeMutableRawBufferPointer, size: Int, isSpacePadded: Bool) -> [String] {
        stride(from: 0, to: bytes.count, by: max(size, 1)).map { start in
            var field = bytes[start..<start + size].prefix { $0 != 0 }
            while isSpacePadded, field.last == UInt8(ascii: " ") { field.removeLast() }
            return String(decoding: field, as: UTF8.self)
        }
    }

    /// Pointers to C strings.
    static func variable(_ bytes: UnsafeMutableRawBufferPointer) -> [String] {
        bytes.bindMemory(to: UnsafeMutablePointer<CChar>?.self).map { $0.map { String(cString: $0) } ?? "" }
    }
}
