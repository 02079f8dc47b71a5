/// Why an HDF5 file could not be read or written: one case per defect.
package enum HDF5Error: Error, Equatable {
    // The file as a whole
    /// There is no file of that name.
    case fileMissing(path: String)
    /// The file cannot be opened: permissions, a folder, an input error.
    case fileUnreadable(path: String, reason: String)
    /// The file has no bytes.
    case emptyFile(path: String)
    /// The file is something else.
    case notHDF5(path: String, looksLike: FileKind)
    /// The file is shorter than its header says.
    case truncated(path: String, found: Int, expected: Int?)

    /// The file changed during reading.
    case changed(path: String)

    // Objects and links
    /// A name that should be there is not.
    case missing(HDF5Location, expected: String)
    /// An object of another kind than expected.
    case wrongObject(HDF5Location, found: String, expected: String)
    /// A link that leads through a name: soft, external, or defined by a program.
    case refusedLink(HDF5Location, kind: String)
    /// A group that contains itself.
    case cycle(HDF5Location, sameAs: String)
    /// One object under two names, where every object must have one.
    case twoNames(HDF5Location, first: String)
    /// Groups nested deeper than the limit.
    case tooDeep(HDF5Location, limit: Int)
    /// More objects than the limit.
    case tooManyObjects(HDF5Location, limit: Int)
    /// A name that is not UTF-8.
    case nameNotUTF8(HDF5Location)

    // Datasets
    /// Values that are kept in other files.
    case externalStorage(HDF5Location)
    /// Values that are assembled from other datasets.
    case virtualDataset(HDF5Location)
    /// A filter other than deflate, shuffle and fletcher32.
    case refusedFilter(HDF5Location, filter: String)
    /// A shape without any stored values.
    case neverAllocated(HDF5Location, shape: [Int])
    /// A shape that needs more bytes than the stored ones can hold.
    case tooLarge(HDF5Location, found: Int, limit: Int)
    /// All datasets together need more bytes than the limit.
    case totalTooLarge(HDF5Location, limit: Int)
    /// A shape whose number of elements overflows.
    case shapeOverflow(HDF5Location, extents: [UInt64])
    /// Elements of a type that is not read here.
    case wrongType(HDF5Location, found: String, expected: String)
    /// A string of variable length whose data is missing or damaged.
    case damagedStrings(HDF5Location, index: Int, reason: String)
    /// Rows outside the first dimension, or a buffer of another size.
    case wrongRange(HDF5Location, found: String, expected: String)

    // Attributes
    /// An attribute that should be there is not.
    case attributeMissing(HDF5Location, name: String)
    /// An attribute over the limit.
    case attributeTooLarge(HDF5Location, name: String, found: Int, limit: Int)
    /// An attribute of another type or shape.
    case wrongAttribute(HDF5Location, name: String, found: String, expected: String)
    /// An attribute of variable-length values whose data is missing or damaged.
    case damagedAttribute(HDF5Location, name: String, reason: String)

    // The library and the system
    /// The operating system refused: disk full, input error.
    case systemFailure(HDF5Location, action: String, reason: String)
    /// libhdf5 refused, usually because the file is damaged.
    case libraryFailure(HDF5Location, action: String, reason: String)
}

extension HDF5Error: CustomStringConvertible {
    /// The message in one line: file, object, what was found, what was expected.
    package var description: String {
        switch self {
        case .fileMissing(let path): "\(path): no such file"
        case .fileUnreadable(let path, let reason): "\(path): cannot be read: \(reason)"
        case .emptyFile(let path): "\(path): the file is empty; download or copy it again"
        case .notHDF5(let path, let kind): "\(path): not an HDF5 file: \(kind.hint)"
        case .truncated(let path, let found, let expected):
            "\(path): the file is cut off: found \(found) bytes, expected \(expected.map(String.init) ?? "more")"
        case .changed(let path):
            "\(path): the file changed while it was read; try again when no other program writes to it"
        case .systemFailure(let place, let action, let reason): "\(place): \(action): \(reason)"
        case .libraryFailure(let place, let action, let reason): "\(place): \(action) failed: \(reason)"
        case .attributeMissing(let place, let name): "\(place): attribute '\(name)' is missing"
        case .attributeTooLarge(let place, let name, let found, let limit):
            "\(place): attribute '\(name)' has \(found) bytes, expected at most \(limit)"
        case .wrongAttribute(let place, let name, let found, let expected):
            "\(place): attribute '\(name)' is \(found), expected \(expected)"
        case .damagedAttribute(let place, let name, let reason):
            "\(place): attribute '\(name)' \(reason): the file is damaged"
        default: objectDescription
        }
    }

    private var objectDescription: String {
        switch self {
        case .missing(let place, let expected): "\(place): missing, expected \(expected)"
        case .wrongObject(let place, let found, let expected), .wrongType(let place, let found, let expected),
            .wrongRange(let place, let found, let expected):
            "\(place): found \(found), expected \(expected)"
        case .refusedLink(let place, let kind):
            "\(place): found \(kind), expected a hard link: other links are not followed"
        case .cycle(let place, let first): "\(place): is the same group as \(first): the groups form a cycle"
        case .twoNames(let place, let first):
            "\(place): is the same object as \(first), expected one name per object"
        case .tooDeep(let place, let limit): "\(place): groups are nested more than \(limit) deep"
        case .tooManyObjects(let place, let limit): "\(place): more than \(limit) objects"
        case .nameNotUTF8(let place): "\(place): a name in it is not UTF-8"
        default: datasetDescription
        }
    }

    private var datasetDescription: String {
        switch self {
        case .externalStorage(let place):
            "\(place): its values are in other files, which normconv does not open"
        case .virtualDataset(let place):
            "\(place): is a virtual dataset, whose sources normconv does not open"
        case .refusedFilter(let place, let filter):
            "\(place): is stored with filter \(filter), expected only deflate, shuffle or fletcher32"
        case .neverAllocated(let place, let shape):
            "\(place): has shape \(shape) but no stored values"
        case .tooLarge(let place, let found, let limit):
            "\(place): declares \(found) bytes, but its stored data can hold at most \(limit)"
        case .totalTooLarge(let place, let limit):
            "\(place): the datasets up to this one declare more than \(limit) bytes in total"
        case .damagedStrings(let place, let index, let reason):
            "\(place): string \(index) \(reason): the file is damaged"
        case .shapeOverflow(let place, let extents): "\(place): shape \(extents) is impossibly large"
        default: "HDF5 error"
        }
    }
}

/// Where in which file: how errors name an object.
package struct HDF5Location: Sendable, Hashable {
    /// The file's path as it was given.
    package let file: String
    /// The object's absolute path in the file; `/` is the root group.
    package let object: String

    /// A place in a file.
    package init(file: String, object: String = "/") {
        self.file = file
        self.object = object
    }

    /// The place of a link in this group.
    func appending(_ name: String) -> HDF5Location {
        HDF5Location(file: file, object: object == "/" ? "/" + name : object + "/" + name)
    }
}

extension HDF5Location: CustomStringConvertible {
    /// `resnet.h5: /model_weights/conv1`, or the file alone for the root group.
    package var description: String { object == "/" ? file : "\(file): \(object)" }
}
