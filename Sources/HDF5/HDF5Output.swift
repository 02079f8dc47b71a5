import CHDF5
import Foundation
import Tensors

/// A new HDF5 file that is made after the model of another: groups, attributes and datasets are copied as they
/// stand, or created with the settings of the ones they replace. The same calls write the same bytes.
public final class HDF5Output {
    private let location: HDF5Location
    private var file: Handle?

    /// Creates the file, or empties it, with the root group's settings of `model`, or h5py's where it is nil.
    /// Errors name it `name`, which it will have in the end.
    public convenience init(
        creating path: String, named name: String? = nil, like model: HDF5File? = nil
    ) throws(HDF5Error) {
        try self.init(path, named: name ?? path, like: model) { _ in 0 }
    }

    /// Creates a file in memory, whose bytes `image` gives. Errors name it `name`.
    public convenience init(inMemoryNamed name: String, like model: HDF5File? = nil) throws(HDF5Error) {
        // A name that no file has, so that the library does not look into one first.
        try self.init(name + "/image", named: name, like: model) { H5Pset_fapl_core($0, 1 << 20, false) }
    }

    private init(
        _ path: String, named name: String, like model: HDF5File?, _ prepare: (hid_t) -> herr_t
    ) throws(HDF5Error) {
        let location = HDF5Location(file: name)
        self.location = location
        file = try Library.locked { () throws(HDF5Error) in
            let creation =
                if let model {
                    try Self.creationProperties(like: model, location)
                } else {
                    try Handle.properties(H5Pcreate(chdf5_file_create_class()), location)
                }
            let access = try Handle.properties(H5Pcreate(chdf5_file_access_class()), location)
            try Library.check(prepare(access.id), "preparing the file", location)
            try Library.check(chdf5_disable_locking(access.id), "switching file locks off", location)
            // The oldest format that can hold what is written, as Keras and h5py do.
            try Library.check(chdf5_oldest_format(access.id), "preparing the file", location)
            try Library.check(
                H5Pset_fclose_degree(access.id, H5F_CLOSE_STRONG), "preparing the file", location)
            let id = H5Fcreate(path, chdf5_truncate(), creation.id, access.id)
            return try Handle(id, "creating the file", location) { H5Fclose($0) }
        }
    }

    /// The settings of a file and of its root group.
    private static func creationProperties(
        like model: HDF5File, _ location: HDF5Location
    ) throws(HDF5Error) -> Handle {
        let creation = try Handle.properties(H5Fget_create_plist(model.handle.id), location)
        let root = try Handle.properties(H5Gget_create_plist(model.root.handle.id), location)
        var (links, attributes): (UInt32, UInt32) = (0, 0)
        for status in [
            H5Pset_userblock(creation.id, 0), H5Pget_link_creation_order(root.id, &links),
            H5Pset_link_creation_order(creation.id, links), H5Pget_attr_creation_order(root.id, &attributes),
            H5Pset_attr_creation_order(creation.id, attributes),
        ] { try Library.check(status, "preparing the file", location) }
        return creation
    }

    /// Creates a group whose links are ordered as those of `group`. Its parents exist already.
    public func createGroup(_ path: String, like group: Group) throws(HDF5Error) {
        try createGroup(path) { H5Gget_create_plist(group.handle.id) }
    }

    /// Creates a group with h5py's settings. Its parents exist already.
    public func createGroup(_ path: String) throws(HDF5Error) {
        try createGroup(path) { H5Pcreate(chdf5_group_create_class()) }
    }

    private func createGroup(_ path: String, _ properties: () -> hid_t) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let creation = try Handle.properties(properties(), place)
            try Library.check(H5Pset_obj_track_times(creation.id, false), "preparing the group", place)
            let id = H5Gcreate2(file.id, path, chdf5_default(), creation.id, chdf5_default())
            _ = try Handle(id, "creating the group", place) { H5Gclose($0) }
        }
    }

    /// Copies the attributes of a group to a group of this file, byte for byte; `except` names some to leave out.
    public func copyAttributes(
        of group: Group, to path: String, except: Set<String> = []
    ) throws(HDF5Error) {
        let attributes = group.attributes
        for name in try attributes.names() where !except.contains(name) {
            try onFile(path) { (file, place) throws(HDF5Error) -> Void in
                try copy(name, of: attributes, to: try openObject(path, in: file, place), place)
            }
        }
    }

    /// Copies a dataset with everything that belongs to it: type, layout, filters, attributes, stored bytes.
    public func copy(_ dataset: Dataset, to path: String) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let links = try Handle.properties(H5Pcreate(chdf5_link_create_class()), place)
            try Library.check(H5Pset_create_intermediate_group(links.id, 1), "preparing the copy", place)
            let status = H5Ocopy(dataset.handle.id, ".", file.id, path, chdf5_default(), links.id)
            try Library.check(status, "copying \(dataset.location)", place)
        }
    }

    /// Writes new values with the shape, type, layout, filters and attributes of an existing dataset.
    public func write(_ values: [Float], to path: String, replacing dataset: Dataset) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let space = try Handle.space(H5Dget_space(dataset.handle.id), place)
            let creation = try Handle.properties(H5Dget_create_plist(dataset.handle.id), place)
            let created = try create(path, dataset, space, creation, in: file, place)
            try write(values, as: dataset.elementKind, into: created, count: dataset.count, place)
            let attributes = dataset.attributes
            for name in try attributes.names() {
                try copy(name, of: attributes, to: created, place)
            }
        }
    }

    /// Writes values of a new shape, contiguous, with the element type of `dataset`.
    public func write(
        _ values: [Float], shape: [Int], to path: String, like dataset: Dataset
    ) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let extents = shape.map { hsize_t($0) }
            let space = try Handle.space(H5Screate_simple(Int32(shape.count), extents, nil), place)
            let creation = try Handle.properties(H5Pcreate(chdf5_dataset_create_class()), place)
            let created = try create(path, dataset, space, creation, in: file, place)
            try write(
                values, as: dataset.elementKind, into: created, count: shape.reduce(1, *), place)
        }
    }

    /// Writes elements as they are stored, little-endian, into a new contiguous dataset. Groups on the way to it are
    /// created.
    public func write(
        _ bytes: [UInt8], of kind: ElementKind, shape: [Int], to path: String
    ) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let count = shape.reduce(1, *)
            guard bytes.count == count * kind.size else {
                throw .wrongRange(
                    place, found: "\(bytes.count) bytes", expected: "\(count * kind.size) bytes")
            }
            let extents = shape.map { hsize_t($0) }
            let space = try Handle.space(
                shape.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(shape.count), extents, nil),
                place)
            let creation = try Handle.properties(H5Pcreate(chdf5_dataset_create_class()), place)
            let type = try kind.nativeType(place)
            try Library.check(H5Tset_order(type.id, H5T_ORDER_LE), "preparing the dataset", place)
            let created = try create(path, type, space, creation, in: file, place)
            guard count > 0 else { return }
            let status = H5Dwrite(
                created.id, type.id, chdf5_all(), chdf5_all(), chdf5_default(), bytes)
            try Library.check(status, "writing the values", place)
        }
    }

    /// All bytes of a file in memory.
    public func image() throws(HDF5Error) -> [UInt8] {
        var bytes: [UInt8] = []
        try onFile("/") { (file, place) throws(HDF5Error) -> Void in
            try Library.check(H5Fflush(file.id, H5F_SCOPE_GLOBAL), "writing the file", place)
            let size = try Library.check(H5Fget_file_image(file.id, nil, 0), "measuring the file", place)
            bytes = [UInt8](repeating: 0, count: size)
            try Library.check(H5Fget_file_image(file.id, &bytes, size), "copying the file", place)
        }
        return bytes
    }

    /// Writes strings as an attribute of a group, stored in the given form. A list that is longer than an object
    /// header takes is the caller's to split.
    public func write(
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

    /// Writes everything that is still in memory and closes the file: a full disk shows here at the latest.
    public func close() throws(HDF5Error) {
        try onFile("/") { (file, place) throws(HDF5Error) -> Void in
            try Library.check(H5Fflush(file.id, H5F_SCOPE_GLOBAL), "writing the file", place)
            try file.closeNow("closing the file", place)
        }
        file = nil
    }

    // MARK: Pieces

    private func onFile(
        _ path: String, _ body: (Handle, HDF5Location) throws(HDF5Error) -> Void
    ) throws(HDF5Error) {
        let place = HDF5Location(file: location.file, object: path.hasPrefix("/") ? path : "/" + path)
        try Library.locked { () throws(HDF5Error) in
            guard let file else {
                throw .libraryFailure(place, action: "writing the file", reason: "it is closed")
            }
            try body(file, place)
        }
    }

    private func openObject(_ path: String, in file: Handle, _ place: HDF5Location) throws(HDF5Error)
        -> Handle
    {
        let id = H5Oopen(file.id, path.isEmpty ? "/" : path, chdf5_default())
        return try Handle(id, "opening the object", place) { H5Oclose($0) }
    }

    /// A dataset of the type of `model`.
    private func create(
        _ path: String, _ model: Dataset, _ space: Handle, _ creation: Handle, in file: Handle,
        _ place: HDF5Location
    ) throws(HDF5Error) -> Handle {
        let stored = try Handle.type(H5Dget_type(model.handle.id), place)
        let type = try Handle.type(H5Tcopy(stored.id), place)
        return try create(path, type, space, creation, in: file, place)
    }

    /// A dataset, which does not remember when it was written.
    private func create(
        _ path: String, _ type: Handle, _ space: Handle, _ creation: Handle, in file: Handle,
        _ place: HDF5Location
    ) throws(HDF5Error) -> Handle {
        try Library.check(H5Pset_obj_track_times(creation.id, false), "preparing the dataset", place)
        let links = try Handle.properties(H5Pcreate(chdf5_link_create_class()), place)
        try Library.check(H5Pset_create_intermediate_group(links.id, 1), "preparing the dataset", place)
        let id = H5Dcreate2(file.id, path, type.id, space.id, links.id, creation.id, chdf5_default())
        return try Handle(id, "creating the dataset", place) { H5Dclose($0) }
    }

    private func write(
        _ values: [Float], as kind: ElementKind, into dataset: Handle, count: Int, _ place: HDF5Location
    ) throws(HDF5Error) {
        guard values.count == count else {
            throw .wrongRange(place, found: "\(values.count) values", expected: "\(count) values")
        }
        guard count > 0 else { return }
        // libhdf5 rounds ties away from zero when it narrows to 16 bits.
        switch kind {
        case .float16: try write(values.map(HalfPrecision.half), of: kind, into: dataset, place)
        case .bfloat16: try write(values.map(HalfPrecision.brain), of: kind, into: dataset, place)
        default: try write(values, of: .float32, into: dataset, place)
        }
    }

    /// Writes elements that are in memory as `kind`.
    private func write<Element: BitwiseCopyable>(
        _ elements: [Element], of kind: ElementKind, into dataset: Handle, _ place: HDF5Location
    ) throws(HDF5Error) {
        let type = try kind.nativeType(place)
        let status = H5Dwrite(dataset.id, type.id, chdf5_all(), chdf5_all(), chdf5_default(), elements)
        try Library.check(status, "writing the values", place)
    }

    private func create(
        _ name: String, _ type: Handle, _ space: Handle, on object: Handle, _ place: HDF5Location,
        _ bytes: UnsafeRawPointer?
    ) throws(HDF5Error) {
        let created = try Handle.attribute(
            H5Acreate2(object.id, name, type.id, space.id, chdf5_default(), chdf5_default()), name, place)
        guard let bytes else { return }
        try Library.check(H5Awrite(created.id, type.id, bytes), "writing attribute '\(name)'", place)
    }

    private func copy(
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
