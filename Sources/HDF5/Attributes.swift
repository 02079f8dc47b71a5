import CHDF5

/// The attributes of one group or dataset, read when asked for.
package struct Attributes: Sendable {
    let handle: Handle
    let location: HDF5Location
    let file: HDF5File

    /// How strings of an attribute are stored, so that new ones can be stored alike.
    package struct StringForm: Sendable, Equatable {
        /// Stored outside the attribute with a length of their own, or in fields of one length.
        package var isVariable: Bool
        /// Marked as UTF-8, or as ASCII.
        package var isUTF8: Bool
        /// One value without a shape.
        package var isScalar: Bool
        var padding: H5T_str_t

        /// What h5py writes for a Python `str`.
        package static let variableUTF8 = StringForm(
            isVariable: true, isUTF8: true, isScalar: true, padding: H5T_STR_NULLTERM)
        /// What Keras writes for a list of names (numpy's `S` arrays).
        package static let fixedASCII = StringForm(
            isVariable: false, isUTF8: false, isScalar: false, padding: H5T_STR_NULLPAD)
    }

    /// Names of all attributes, as created where the file tracks that, otherwise by name.
    package func names() throws(HDF5Error) -> [String] {
        try Library.locked { () throws(HDF5Error) in
            Library.approach(location)
            let isOrdered = try tracksCreationOrder()
            let names = NameList(limit: 65_536)
            let status = chdf5_attributes(
                handle.id,
                { _, name, info, context in
                    NameList.append(name, place: Int64(info?.pointee.corder ?? 0), to: context)
                }, Unmanaged.passUnretained(names).toOpaque())
            if names.isMalformed { throw .nameNotUTF8(location) }
            if names.isFull { throw .tooManyObjects(location, limit: 65_536) }
            try Library.check(status, "listing the attributes", location)
            return names.sorted(byPlace: isOrdered)
        }
    }

    /// Whether there is an attribute of that name.
    package func contains(_ name: String) throws(HDF5Error) -> Bool {
        guard !name.isEmpty, !name.utf8.contains(0) else { return false }
        return try Library.locked { () throws(HDF5Error) in
            Library.approach(location)
            return try Library.check(H5Aexists(handle.id, name), "looking for attribute '\(name)'", location)
                > 0
        }
    }

    /// A single string: a scalar, or one element.
    package func string(_ name: String) throws(HDF5Error) -> String {
        let strings = try strings(name)
        guard let first = strings.first, strings.count == 1 else {
            throw .wrongAttribute(
                location, name: name, found: "\(strings.count) strings", expected: "one string")
        }
        return first
    }

    /// All strings of an attribute, in row-major order, without their padding. Bytes that are not UTF-8 become
    /// U+FFFD. An empty attribute of any type has no strings: Keras writes an empty list of names as float64.
    package func strings(_ name: String) throws(HDF5Error) -> [String] {
        try Library.locked { () throws(HDF5Error) in
            let attribute = try open(name)
            if attribute.count == 0 { return [] }
            guard H5Tget_class(attribute.type.id) == H5T_STRING else {
                throw attribute.mismatch(location, expected: "strings")
            }
            return try attribute.strings(location)
        }
    }

    /// A single string; nil if there is no attribute of that name.
    package func string(ifPresent name: String) throws(HDF5Error) -> String? {
        try contains(name) ? try string(name) : nil
    }

    /// All strings of an attribute; nil if there is none of that name.
    package func strings(ifPresent name: String) throws(HDF5Error) -> [String]? {
        try contains(name) ? try strings(name) : nil
    }

    /// All values of a numeric attribute, as Double.
    package func floats(_ name: String) throws(HDF5Error) -> [Double] {
        try numbers(
            name, chdf5_native_double, initial: 0.0, classes: [H5T_FLOAT, H5T_INTEGER], expected: "numbers")
    }

    /// All values of an integer attribute.
    package func ints(_ name: String) throws(HDF5Error) -> [Int] {
        try numbers(name, chdf5_native_int64, initial: 0, classes: [H5T_INTEGER], expected: "integers")
    }

    /// How the strings of an attribute are stored; nil if it holds something else.
    package func stringForm(_ name: String) throws(HDF5Error) -> StringForm? {
        try Library.locked { () throws(HDF5Error) in
            let attribute = try open(name)
            guard H5Tget_class(attribute.type.id) == H5T_STRING else { return nil }
            return StringForm(
                isVariable: H5Tis_variable_str(attribute.type.id) > 0,
                isUTF8: H5Tget_cset(attribute.type.id) == H5T_CSET_UTF8, isScalar: attribute.extents.isEmpty,
                padding: H5Tget_strpad(attribute.type.id))
        }
    }

    func open(_ name: String) throws(HDF5Error) -> OpenAttribute {
        guard try contains(name) else { throw .attributeMissing(location, name: name) }
        return try OpenAttribute(name, of: handle, location, file: file)
    }

    func tracksCreationOrder() throws(HDF5Error) -> Bool {
        var type = try ObjectInfo(handle, location).type
        let id = type == H5O_TYPE_DATASET ? H5Dget_create_plist(handle.id) : H5Gget_create_plist(handle.id)
        type = H5O_TYPE_UNKNOWN
        let properties = try Handle.properties(id, location)
        var flags: UInt32 = 0
        let status = H5Pget_attr_creation_order(properties.id, &flags)
        try Library.check(status, "reading the order of attributes", location)
        return flags & chdf5_order_tracked() != 0
    }

    private func numbers<Number: BitwiseCopyable>(
        _ name: String, _ memoryType: () -> hid_t, initial: Number, classes: [H5T_class_t], expected: String
    ) throws(HDF5Error) -> [Number] {
        try Library.locked { () throws(HDF5Error) in
            let attribute = try open(name)
            guard classes.contains(H5Tget_class(attribute.type.id)) else {
                throw attribute.mismatch(location, expected: expected)
            }
            // An 8-bit attribute takes eight times its bytes here; the limit is on those.
            let limit = file.limits.attributeBytes
            guard attribute.count <= limit / 8 else {
                throw .attributeTooLarge(location, name: name, found: attribute.count * 8, limit: limit)
            }
            var values = [Number](repeating: initial, count: attribute.count)
            if values.isEmpty { return values }
            try Library.check(
                H5Aread(attribute.handle.id, memoryType(), &values), "reading attribute '\(name)'", location)
            return values
        }
    }
}
