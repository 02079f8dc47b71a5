import CHDF5

/// A group of an open file. Children are reached by hard links only.
package struct Group: Sendable {
    /// The file it is in.
    package let file: HDF5File
    /// Its place, for errors.
    package let location: HDF5Location
    let handle: Handle
    /// Addresses of the groups from the root to this one.
    let addresses: [UInt64]

    init(file: HDF5File, handle: Handle, location: HDF5Location, addresses: [UInt64]) {
        self.file = file
        self.handle = handle
        self.location = location
        self.addresses = addresses
    }

    /// A child of a group.
    package enum Child: Sendable {
        /// A group.
        case group(Group)
        /// A dataset.
        case dataset(Dataset)
    }

    /// The attributes of the group.
    package var attributes: Attributes {
        Attributes(handle: handle, location: location, file: file)
    }

    /// Names of all links in file order: as created where the file tracks that, otherwise by name.
    package func names() throws(HDF5Error) -> [String] {
        try Library.locked { () throws(HDF5Error) in
            Library.approach(location)
            let isOrdered = try tracksCreationOrder()
            let names = NameList(limit: file.limits.objects)
            let status = chdf5_links(
                handle.id,
                { _, name, info, context in
                    NameList.append(name, place: info?.pointee.corder ?? 0, to: context)
                }, Unmanaged.passUnretained(names).toOpaque())
            if names.isFull { throw .tooManyObjects(location, limit: file.limits.objects) }
            if names.isMalformed { throw .nameNotUTF8(location) }
            try Library.check(status, "listing the group", location)
            return names.sorted(byPlace: isOrdered)
        }
    }

    /// Whether a link of that name (not a path) is there, whatever it leads to.
    package func contains(_ name: String) throws(HDF5Error) -> Bool {
        guard Self.isLinkName(name) else { return false }
        return try Library.locked { () throws(HDF5Error) in
            try Library.check(H5Lexists(handle.id, name, chdf5_default()), "looking for '\(name)'", location)
                > 0
        }
    }

    /// The group at a path below this one (`a/b`).
    package func group(_ path: String) throws(HDF5Error) -> Group {
        switch try child(path, expected: "a group") {
        case .group(let group): return group
        case .dataset(let dataset):
            throw .wrongObject(dataset.location, found: "a dataset", expected: "a group")
        }
    }

    /// The dataset at a path below this one (`a/b/kernel:0`). `acceptsBooleans`: h5py's truth values, an enumeration of
    /// `FALSE` and `TRUE`, are taken as the integers 0 and 1; they are refused otherwise, for a copy would lose the type.
    package func dataset(_ path: String, acceptsBooleans: Bool = false) throws(HDF5Error) -> Dataset {
        switch try child(path, expected: "a dataset", acceptsBooleans: acceptsBooleans) {
        case .dataset(let dataset): return dataset
        case .group(let group): throw .wrongObject(group.location, found: "a group", expected: "a dataset")
        }
    }

    /// The dataset of strings at a path below this one; nil where there is something else.
    package func texts(_ path: String) throws(HDF5Error) -> TextDataset? {
        try Library.locked { () throws(HDF5Error) in
            let (parent, name) = try parent(of: path)
            let (object, info, place) = try parent.openObject(name, expected: "a dataset")
            guard info.type == H5O_TYPE_DATASET else { return nil }
            return try TextDataset(file: file, handle: object, location: place, address: info.address)
        }
    }

    /// Group or dataset at a path below this one.
    package func child(_ path: String) throws(HDF5Error) -> Child {
        try child(path, expected: "a group or dataset")
    }

    private func child(
        _ path: String, expected: String, acceptsBooleans: Bool = false
    ) throws(HDF5Error) -> Child {
        try Library.locked { () throws(HDF5Error) in
            let (parent, name) = try parent(of: path)
            return try parent.open(name, expected: expected, acceptsBooleans: acceptsBooleans)
        }
    }

    /// The group in which the last step of a path is, and that step.
    private func parent(of path: String) throws(HDF5Error) -> (group: Group, name: String) {
        var steps = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let last = steps.removeLast()
        var group = self
        for step in steps {
            switch try group.open(step, expected: "a group") {
            case .group(let next): group = next
            case .dataset(let dataset):
                throw .wrongObject(dataset.location, found: "a dataset", expected: "a group")
            }
        }
        return (group, last)
    }

    /// Opens an object, after a look at what kind of link leads to it.
    private func openObject(
        _ name: String, expected: String
    ) throws(HDF5Error) -> (object: Handle, info: ObjectInfo, place: HDF5Location) {
        let place = location.appending(name)
        Library.approach(place)
        guard try contains(name) else { throw .missing(place, expected: expected) }
        var link = H5L_TYPE_ERROR
        try Library.check(chdf5_link_type(handle.id, name, &link), "reading the link", place)
        guard link == H5L_TYPE_HARD else { throw .refusedLink(place, kind: Self.word(for: link)) }
        let object = try Handle(H5Oopen(handle.id, name, chdf5_default()), "opening the object", place) {
            H5Oclose($0)
        }
        return (object, try ObjectInfo(object, place), place)
    }

    /// Opens one link.
    private func open(
        _ name: String, expected: String, acceptsBooleans: Bool = false
    ) throws(HDF5Error) -> Child {
        let (object, info, place) = try openObject(name, expected: expected)
        switch info.type {
        case H5O_TYPE_GROUP:
            if let level = addresses.firstIndex(of: info.address) {
                throw .cycle(place, sameAs: ancestorPath(level))
            }
            guard addresses.count < file.limits.depth else { throw .tooDeep(place, limit: file.limits.depth) }
            return .group(
                Group(file: file, handle: object, location: place, addresses: addresses + [info.address]))
        case H5O_TYPE_DATASET:
            return .dataset(
                try Dataset(
                    file: file, handle: object, location: place, address: info.address,
                    acceptsBooleans: acceptsBooleans))
        default:
            throw .wrongObject(place, found: info.word, expected: expected)
        }
    }

    /// Path of the group `level` steps below the root on the way to this one.
    private func ancestorPath(_ level: Int) -> String {
        "/" + location.object.split(separator: "/").prefix(level).joined(separator: "/")
    }

    /// Address of the group in the file: the same for two names of one group.
    package var address: UInt64 { addresses.last ?? 0 }

    func tracksCreationOrder() throws(HDF5Error) -> Bool {
        let properties = try Handle.properties(H5Gget_create_plist(handle.id), location)
        var flags: UInt32 = 0
        try Library.check(
            H5Pget_link_creation_order(properties.id, &flags), "reading the order of links", location)
        return flags & chdf5_order_tracked() != 0
    }

    /// Names with a meaning of their own in a path are no names of links.
    private static func isLinkName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && !name.contains("/") && !name.utf8.contains(0)
    }

    private static func word(for link: H5L_type_t) -> String {
        switch link {
        case H5L_TYPE_SOFT: "a soft link"
        case H5L_TYPE_EXTERNAL: "an external link"
        default: "a user-defined link"
        }
    }
}

/// Collects names from the library's C callbacks.
final class NameList {
    private var list: [(name: String, place: Int64)] = []
    private(set) var isMalformed = false
    private(set) var isFull = false
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Takes a name with its place in the order of creation. 0 to go on, 1 to stop.
    static func append(
        _ name: UnsafePointer<CChar>?, place: Int64, to context: UnsafeMutableRawPointer?
    ) -> herr_t {
        guard let name, let context else { return 1 }
        let names = Unmanaged<NameList>.fromOpaque(context).takeUnretainedValue()
        names.isFull = names.list.count >= names.limit
        guard !names.isFull, let text = String(validatingCString: name) else {
            names.isMalformed = !names.isFull
            return 1
        }
        names.list.append((text, place))
        return 0
    }

    /// The names as they were created, or by their bytes.
    func sorted(byPlace: Bool) -> [String] {
        list.sorted { one, other in
            if byPlace, one.place != other.place { return one.place < other.place }
            return one.name.utf8.lexicographicallyPrecedes(other.name.utf8)
        }.map(\.name)
    }
}
