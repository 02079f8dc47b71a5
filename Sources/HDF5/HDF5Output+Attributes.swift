import CHDF5
import Foundation

extension HDF5Output {
    /// Copies the attributes of a group to a group of this file, byte for byte; `except` names some to leave out.
    package func copyAttributes(
        of group: Group, to path: String, except: Set<String> = []
    ) throws(HDF5Error) {
        let attributes = group.attributes
        for name in try attributes.names() where !except.contains(name) {
            try onFile(path) { (file, place) throws(HDF5Error) -> Void in
                try copy(name, of: attributes, to: try openObject(path, in: file, place), place)
            }
        }
    }

    /// Writes strings as an attribute of a group, stored in the given form. A list that is longer than an object
    /// header takes is the caller's to split.
    package func write(
        _ strings: [String], toAttribute name: String, of path: String, form: Attributes.StringForm
    ) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let object = try openObject(path, in: file, place)
            let type = try stringType(form, length: strings.map(\.utf8.count).max() ?? 0, place)
            var length = hsize_t(strings.count)
            let isScalar = form.isScalar && strings.count == 1
            let space = try Handle.space(
                isScalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &length, nil), place)
            if form.isVariable {
                try withCStrings(strings) { (pointers) throws(HDF5Error) in
                    try create(name, type, space, on: object, place, pointers.baseAddress)
                }
            } else {
                let size = H5Tget_size(type.id)
                let bytes = strings.flatMap { fixedField($0, size, form.padding) }
                try create(name, type, space, on: object, place, bytes)
            }
        }
    }

    // MARK: Pieces

    private func create(
        _ name: String, _ type: Handle, _ space: Handle, on object: Handle, _ place: HDF5Location,
        _ bytes: UnsafeRawPointer?
    ) throws(HDF5Error) {
        let created = try Handle.attribute(
            H5Acreate2(object.id, name, type.id, space.id, chdf5_default(), chdf5_default()), name, place)
        guard let bytes else { return }
        try Library.check(H5Awrite(created.id, type.id, bytes), "writing attribute '\(name)'", place)
    }

    /// Copies an attribute to an object of this file, byte for byte.
    func copy(
        _ name: String, of attributes: Attributes, to object: Handle, _ place: HDF5Location
    ) throws(HDF5Error) {
        let attribute = try attributes.open(name)
        try attribute.withRawValues(attributes.location) { (bytes) throws(HDF5Error) in
            try create(
                name, attribute.type, attribute.space, on: object, place, UnsafeRawPointer(bytes.baseAddress))
        }
    }

    private func stringType(
        _ form: Attributes.StringForm, length: Int, _ place: HDF5Location
    ) throws(HDF5Error) -> Handle {
        let type = try Handle.type(H5Tcopy(chdf5_c_string()), place)
        let terminated = form.padding == H5T_STR_NULLTERM
        let size = form.isVariable ? chdf5_variable_size() : max(length + (terminated ? 1 : 0), 1)
        try Library.check(H5Tset_size(type.id, size), "preparing the attribute", place)
        try Library.check(H5Tset_strpad(type.id, form.padding), "preparing the attribute", place)
        let characters = form.isUTF8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII
        try Library.check(H5Tset_cset(type.id, characters), "preparing the attribute", place)
        return type
    }

    private func fixedField(_ string: String, _ size: Int, _ padding: H5T_str_t) -> [UInt8] {
        let filler: UInt8 = padding == H5T_STR_SPACEPAD ? UInt8(ascii: " ") : 0
        return string.utf8 + [UInt8](repeating: filler, count: size - string.utf8.count)
    }

    private func withCStrings(
        _ strings: [String],
        _ body: (UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>) throws(HDF5Error) -> Void
    ) throws(HDF5Error) {
        let pointers = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>.allocate(
            capacity: strings.count)
        for (index, string) in strings.enumerated() {
            pointers.initializeElement(at: index, to: strdup(string))
        }
        defer {
            for pointer in pointers { free(pointer) }
            pointers.deallocate()
        }
        try body(pointers)
    }
}
