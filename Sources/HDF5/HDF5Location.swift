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
