import Archives
import Foundation
import HDF5

/// The arrays of a split's file under the names that people give them.
struct SplitFile {
    let images: any StoredArray
    let labels: (any StoredArray)?
    let classNames: [String]?
    /// What the labels that belong to `images` are called.
    let labelsName: String

    /// Images and their labels: our own, Keras' (`mnist.npz` has `x_train` beside `x_test`), scikit-learn's and
    /// torchvision's names.
    static let names = [("images", "labels"), ("x_test", "y_test"), ("X", "y"), ("data", "targets")]

    /// Opens a file by its content: zip means npz, everything else has to be HDF5.
    init(path: String) throws(DatasetError) {
        self = Self.isZip(path) ? try Self.openNpz(path) : try Self.openHDF5(path)
    }

    private init(
        images: any StoredArray, labels: (any StoredArray)?, classNames: [String]?, labelsName: String
    ) {
        (self.images, self.labels, self.classNames, self.labelsName) =
            (images, labels, classNames, labelsName)
    }

    private static func isZip(_ path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        let start = (try? file.read(upToCount: 4)) ?? Data()
        return start == Data([0x50, 0x4B, 3, 4]) || start == Data([0x50, 0x4B, 5, 6])
    }

    private static func openNpz(_ path: String) throws(DatasetError) -> SplitFile {
        let archive = try archiveResult { () throws(ArchiveError) in try ZipArchive(path: path) }
        let names = try choose(from: archive.arrayNames, file: path)
        return try archiveResult { () throws(ArchiveError) in
            let array = { (name: String) throws(ArchiveError) in
                NpzArray(file: path, name: name, array: try archive.array(named: name))
            }
            return SplitFile(
                images: try array(names.images),
                labels: archive.arrayNames.contains(names.labels) ? try array(names.labels) : nil,
                classNames: nil, labelsName: names.labels)
        }
    }

    private static func openHDF5(_ path: String) throws(DatasetError) -> SplitFile {
        let (root, found) = try hdf5Result { () throws(HDF5Error) in
            let root = try HDF5File(reading: path).root
            return (root, try root.names())
        }
        let names = try choose(from: found, file: path)
        return try hdf5Result { () throws(HDF5Error) in
            let array = { (name: String) throws(HDF5Error) in
                HDF5Array(name: name, dataset: try root.dataset(name))
            }
            let hasClassNames = try root.attributes.contains("class_names")
            return SplitFile(
                images: try array(names.images),
                labels: found.contains(names.labels) ? try array(names.labels) : nil,
                classNames: hasClassNames ? try root.attributes.strings("class_names") : nil,
                labelsName: names.labels)
        }
    }

    /// The one pair of names of which the images are there.
    private static func choose(
        from found: [String], file: String
    ) throws(DatasetError) -> (images: String, labels: String) {
        let present = names.filter { found.contains($0.0) }
        guard present.count <= 1 else { throw .severalImages(file: file, found: present.map(\.0)) }
        guard let pair = present.first else {
            throw .noImages(file: file, found: found, expected: names.map(\.0))
        }
        return (pair.0, pair.1)
    }
}
