import CHDF5

/// A new HDF5 file that is made after the model of another: groups, attributes and datasets are copied as they
/// stand, or created with the settings of the ones they replace. The same calls write the same bytes.
package final class HDF5Output {
    private let location: HDF5Location
    private var file: Handle?
    /// The file on the disk; nil of one in memory.
    private let disk: OutputDisk?

    /// Creates the file, or empties it, with the root group's settings of `model`, or h5py's where it is nil.
    /// Errors name it `name`, which it will have in the end.
    package init(
        creating path: String, named name: String? = nil, like model: HDF5File? = nil
    ) throws(HDF5Error) {
        let location = HDF5Location(file: name ?? path)
        let disk = try OutputDisk(path, location)
        (self.location, self.disk) = (location, disk)
        file = try Self.create(like: model, location) { disk.use($0) }
        try checkDisk()
    }

    /// Creates a file in memory, whose bytes `image` gives. Errors name it `name`.
    package init(inMemoryNamed name: String, like model: HDF5File? = nil) throws(HDF5Error) {
        (location, disk) = (HDF5Location(file: name), nil)
        // Memory is taken in pieces of an eighth of what may be needed.
        let piece = max(1 << 20, (model?.byteCount ?? 32 << 20) / 8)
        file = try Self.create(like: model, location) { H5Pset_fapl_core($0, piece, false) }
    }

    /// Creates the file where `prepare`, which gets access properties, says.
    private static func create(
        like model: HDF5File?, _ location: HDF5Location, at prepare: (hid_t) -> herr_t
    ) throws(HDF5Error) -> Handle {
        try Library.locked { () throws(HDF5Error) in
            let creation =
                if let model {
                    try creationProperties(like: model, location)
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
            // A name that no file has, so that the library does not look into one first.
            // Not the name of an image that is read: the library takes files in memory of one name for one file.
            let id = H5Fcreate(location.file + "/output", chdf5_truncate(), creation.id, access.id)
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
    package func createGroup(_ path: String, like group: Group) throws(HDF5Error) {
        try createGroup(path) { H5Gget_create_plist(group.handle.id) }
    }

    /// Creates a group with h5py's settings. Its parents exist already.
    package func createGroup(_ path: String) throws(HDF5Error) {
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
    package func image() throws(HDF5Error) -> [UInt8] {
        var bytes: [UInt8] = []
        try onFile("/") { (file, place) throws(HDF5Error) -> Void in
            try Library.check(H5Fflush(file.id, H5F_SCOPE_GLOBAL), "writing the file", place)
            let size = try Library.check(H5Fget_file_image(file.id, nil, 0), "measuring the file", place)
            bytes = [UInt8](repeating: 0, count: size)
            try Library.check(H5Fget_file_image(file.id, &bytes, size), "copying the file", place)
        }
        return bytes
    }

    /// Writes what is left and closes the file: a full disk shows here at the latest.
    package func close() throws(HDF5Error) {
        try onFile("/") { (file, place) throws(HDF5Error) -> Void in
            try file.closeNow("closing the file", place)
        }
        file = nil
        disk?.close()
        try checkDisk()
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
            do throws(HDF5Error) {
                try body(file, place)
            } catch {
                try checkDisk()
                throw error
            }
            try checkDisk()
        }
    }

    /// Throws where something could not be written.
    private func checkDisk() throws(HDF5Error) {
        if let reason = disk?.failure {
            throw .systemFailure(location, action: "writing the file", reason: reason)
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
