import Archives
import CHDF5

/// A new HDF5 file that is made after the model of another: groups, attributes and datasets are copied as they
/// stand, or created with the settings of the ones they replace. The same calls write the same bytes.
///
/// The file grows in memory and is written as a whole, so that libhdf5 1.10 gets to see no disk: it reads through a null
/// pointer where a copy finds the disk full, and after one write that failed it may end well with a damaged file.
public final class HDF5Output {
    private let location: HDF5Location
    private var file: Handle?
    /// The file on the disk; nil where there is none.
    private var disk: FileOutput?

    /// Creates the file, or empties it, with the root group's settings of `model`, or h5py's where it is nil.
    /// Errors name it `name`, which it will have in the end.
    public convenience init(
        creating path: String, named name: String? = nil, like model: HDF5File? = nil
    ) throws(HDF5Error) {
        try self.init(inMemoryNamed: name ?? path, like: model)
        disk = try onDisk("creating the file") { () throws(ArchiveError) in
            try FileOutput(path: path, named: location.file)
        }
    }

    /// Creates a file in memory, whose bytes `image` gives. Errors name it `name`.
    public init(inMemoryNamed name: String, like model: HDF5File? = nil) throws(HDF5Error) {
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
            // Memory is taken in pieces of an eighth of what may be needed.
            let piece = max(1 << 20, (model?.byteCount ?? 32 << 20) / 8)
            try Library.check(H5Pset_fapl_core(access.id, piece, false), "preparing the file", location)
            try Library.check(chdf5_disable_locking(access.id), "switching file locks off", location)
            // The oldest format that can hold what is written, as Keras and h5py do.
            try Library.check(chdf5_oldest_format(access.id), "preparing the file", location)
            try Library.check(
                H5Pset_fclose_degree(access.id, H5F_CLOSE_STRONG), "preparing the file", location)
            // A name that no file has, so that the library does not look into one first.
            let id = H5Fcreate(name + "/image", chdf5_truncate(), creation.id, access.id)
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

    /// Writes the file and closes it: a full disk shows here.
    public func close() throws(HDF5Error) {
        let bytes = disk == nil ? [] : try image()
        try onFile("/") { (file, place) throws(HDF5Error) -> Void in
            try file.closeNow("closing the file", place)
        }
        file = nil
        guard let disk else { return }
        try onDisk("writing the file") { () throws(ArchiveError) in
            try disk.write(bytes)
            try disk.close()
        }
    }

    /// Runs `body`, whose failure becomes one of this file.
    private func onDisk<Result>(
        _ action: String, _ body: () throws(ArchiveError) -> Result
    ) throws(HDF5Error) -> Result {
        do throws(ArchiveError) {
            return try body()
        } catch {
            guard case .unwritable(_, let reason) = error else {
                throw .systemFailure(location, action: action, reason: "\(error)")
            }
            throw .systemFailure(location, action: action, reason: reason)
        }
    }

    // MARK: Pieces

    /// Runs `body` with the open file and the place that errors name, one call of the library at a time.
    func onFile(
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

    /// Opens a group or a dataset of this file.
    func openObject(_ path: String, in file: Handle, _ place: HDF5Location) throws(HDF5Error)
        -> Handle
    {
        let id = H5Oopen(file.id, path.isEmpty ? "/" : path, chdf5_default())
        return try Handle(id, "opening the object", place) { H5Oclose($0) }
    }
}
