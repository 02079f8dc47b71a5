import CHDF5
import TestSupport
import Testing

@testable import HDF5

/// A small HDF5 file that a test makes call by call: also what this package never writes itself.
struct MadeFile {
    let id: hid_t

    /// Makes a file in a folder of its own, opens it for reading and hands over its root group.
    static func reading(
        limits: HDF5Limits = HDF5Limits(), tracksOrder: Bool = false,
        make: (MadeFile) throws -> Void, then body: (Group) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/made.h5"
            try write(to: path, tracksOrder: tracksOrder, make)
            try body(HDF5File(reading: path, limits: limits).root)
        }
    }

    /// Makes a file at a path.
    static func write(
        to path: String, tracksOrder: Bool = false, userBlock: Int = 0, _ make: (MadeFile) throws -> Void
    ) throws {
        try Library.locked {
            let creation = try accept(H5Pcreate(chdf5_file_create_class()))
            let access = try accept(H5Pcreate(chdf5_file_access_class()))
            defer {
                H5Pclose(creation)
                H5Pclose(access)
            }
            try accept(H5Pset_userblock(creation, hsize_t(userBlock)))
            if tracksOrder { try accept(H5Pset_link_creation_order(creation, order)) }
            try accept(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG))
            let file = try accept(H5Fcreate(path, chdf5_truncate(), creation, access))
            defer { H5Fclose(file) }
            try make(MadeFile(id: file))
        }
    }

    private static let order = chdf5_order_tracked() | chdf5_order_indexed()

    /// Makes a group, which is closed with the file.
    @discardableResult
    func group(_ name: String, tracksOrder: Bool = false) throws -> hid_t {
        let creation = try accept(H5Pcreate(chdf5_group_create_class()))
        defer { H5Pclose(creation) }
        if tracksOrder { try accept(H5Pset_link_creation_order(creation, Self.order)) }
        return try accept(H5Gcreate2(id, name, chdf5_default(), creation, chdf5_default()))
    }

    /// Makes a dataset, with these values as they are in memory or with none. Nil extents are a null dataspace.
    @discardableResult
    func dataset<Value: BitwiseCopyable>(
        _ name: String, _ extents: [Int]?, of type: hid_t = chdf5_native_float(), values: [Value],
        memory: hid_t? = nil, settings: (hid_t) throws -> Void = { _ in }
    ) throws -> hid_t {
        let space = try space(extents)
        let creation = try accept(H5Pcreate(chdf5_dataset_create_class()))
        defer {
            H5Sclose(space)
            H5Pclose(creation)
        }
        try settings(creation)
        let dataset = try accept(
            H5Dcreate2(id, name, type, space, chdf5_default(), creation, chdf5_default()))
        if !values.isEmpty {
            try accept(
                H5Dwrite(dataset, memory ?? type, chdf5_all(), chdf5_all(), chdf5_default(), values))
        }
        return dataset
    }

    /// Makes a dataset without values.
    @discardableResult
    func dataset(
        _ name: String, _ extents: [Int]?, of type: hid_t = chdf5_native_float(),
        settings: (hid_t) throws -> Void = { _ in }
    ) throws -> hid_t {
        try dataset(name, extents, of: type, values: [Float](), settings: settings)
    }

    /// Gives an object an attribute; nil extents are a null dataspace, empty ones a scalar.
    func attribute<Value: BitwiseCopyable>(
        _ name: String, of object: hid_t? = nil, _ extents: [Int]?, type: hid_t, values: [Value]
    ) throws {
        let space = try space(extents)
        defer { H5Sclose(space) }
        let attribute = try accept(
            H5Acreate2(object ?? id, name, type, space, chdf5_default(), chdf5_default()))
        defer { H5Aclose(attribute) }
        if !values.isEmpty { try accept(H5Awrite(attribute, type, values)) }
    }

    private func space(_ extents: [Int]?) throws -> hid_t {
        guard let extents else { return try accept(H5Screate(H5S_NULL)) }
        return try accept(H5Screate_simple(Int32(extents.count), extents.map { hsize_t($0) }, nil))
    }
}

/// A string type of fixed length.
func stringType(_ size: Int, padding: H5T_str_t = H5T_STR_NULLPAD) throws -> hid_t {
    let type = try accept(H5Tcopy(chdf5_c_string()))
    try accept(H5Tset_size(type, size))
    try accept(H5Tset_strpad(type, padding))
    return type
}

/// A type in the other byte order than the given one's.
func swapped(_ type: hid_t) throws -> hid_t {
    let copy = try accept(H5Tcopy(type))
    try accept(H5Tset_order(copy, H5Tget_order(type) == H5T_ORDER_LE ? H5T_ORDER_BE : H5T_ORDER_LE))
    return copy
}

/// Chunks of one shape, deflated.
func deflated(_ chunk: [Int]) -> (hid_t) throws -> Void {
    { creation in
        try accept(H5Pset_chunk(creation, Int32(chunk.count), chunk.map { hsize_t($0) }))
        try accept(H5Pset_deflate(creation, 9))
    }
}

/// A call to libhdf5 that must succeed for the test to mean anything.
@discardableResult
func accept<Status: SignedInteger>(
    _ status: Status, sourceLocation: SourceLocation = #_sourceLocation
) throws -> Status {
    try #require(status >= 0, sourceLocation: sourceLocation)
    return status
}

extension HDF5Location {
    /// A place in whichever file the group is in.
    init(in group: Group, _ object: String = "/") {
        self.init(file: group.location.file, object: object)
    }
}
