import Archives
import Foundation
import HDF5

/// The arrays of a split's file, found by common names.
struct SplitFile {
    let images: any StoredArray
    let labels: (any StoredArray)?
    let classNames: [String]?
    /// The name of the labels that belong to `images`.
    let labelsName: String

    /// Names of images and their labels: normconv's own, Keras' (`mnist.npz` also has `x_train`), scikit-learn's and
    /// torchvision's.
    static let names = [("images", "labels"), ("x_test", "y_test"), ("X", "y"), ("data", "targets")]

    /// Opens a file by its content: npz, IDX or CIFAR; everything else has to be HDF5. Of a folder the test files.
    init(path: String) throws(DatasetError) {
        let path = isFolder(path) ? ArrayFolder.testFile(in: path) ?? path : path
        let start = RandomAccessFile.firstBytes(4, of: path)
        self =
            if start.starts(with: [0x50, 0x4B, 3, 4]) || start.starts(with: [0x50, 0x4B, 5, 6]) {
                try Self.openNpz(path)
            } else if GzipFile.isGzip(start) || start.starts(with: [0, 0, 8]) {
                try Self.openIDX(path)
            } else if ending(of: path) == "bin" {
                try Self.openCIFAR(path)
            } else {
                try Self.openHDF5(path)
            }
    }

    init(
        images: any StoredArray, labels: (any StoredArray)?, classNames: [String]?, labelsName: String
    ) {
        (self.images, self.labels, self.classNames, self.labelsName) =
            (images, labels, classNames, labelsName)
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
                HDF5Array(name: name, dataset: try root.dataset(name, acceptsBooleans: name == names.labels))
            }
            return SplitFile(
                images: try array(names.images),
                labels: found.contains(names.labels) ? try array(names.labels) : nil,
                classNames: try root.attributes.strings(ifPresent: "class_names"),
                labelsName: names.labels)
        }
    }

    /// The only pair of names whose images are in the file.
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

    /// The labels; nil if there are none, or if images have several labels and none are needed.
    func classLabels(
        images: Int, requiresLabels: Bool, file: String
    ) throws(DatasetError) -> ClassLabels? {
        guard let array = labels else { return nil }
        do throws(DatasetError) {
            let labels = try readLabels(array, file: file, images: images, classNames: classNames)
            if let classNames { return .places(labels, of: classNames) }
            // One-hot rows and booleans give the number of classes.
            let isOneHot = array.shape.count == 2 && array.shape[1] > 1
            let count = isOneHot ? array.shape[1] : array.isBoolean ? 2 : nil
            return .numbers(labels, names: nil, count: count)
        } catch {
            if case .severalLabels = error, !requiresLabels { return nil }
            throw error
        }
    }
}
