import Archives
import Foundation
import HDF5

/// Which arrays and folders hold a split, where names do not say it.
package struct SplitSources: Sendable, Equatable {
    /// The array of images.
    package var images: String?
    /// The array of labels, in the split's file or in `labelsFile`.
    package var labels: String?
    /// The file of the labels, if they are not in the split's file.
    package var labelsFile: String?
    /// The folder that the paths of a list start from.
    package var imageRoot: String?
    /// Whether of several parts the training part is taken, as for calibration; otherwise the test part.
    package var takesTrainingPart = false

    /// Names decide.
    package init() {}
}

/// The arrays of a split's file.
struct SplitFile {
    let images: any StoredArray
    /// Nil where there are none.
    private(set) var labels: LabelArray?
    /// The file of the labels.
    private(set) var labelsFile: String
    /// The source of the labels, for people.
    private(set) var labelSource: String
    private(set) var classNames: [String]?
    /// What names alone decided.
    private(set) var assumptions: [String] = []
    /// The error where labels are needed and there are none.
    private let missingLabels: DatasetError

    /// Opens a file by its content: npz, npy, IDX or CIFAR; everything else has to be HDF5. Of a folder the test files.
    init(path: String, sources: SplitSources = SplitSources()) throws(DatasetError) {
        let path = isFolder(path) ? ArrayFolder.testFile(in: path) ?? path : path
        if let format = Self.unnamedFormat(path) {
            guard sources.images == nil, sources.labels == nil || sources.labelsFile != nil else {
                throw .optionDoesNotFit(
                    file: path, option: "--images NAME or --labels NAME", found: format.rawValue,
                    expected: "a file of arrays with names: HDF5 or .npz")
            }
            self = try format == .idx ? Self.openIDX(path) : Self.openCIFAR(path)
        } else {
            let arrays = try Self.namedArrays(path)
            let labels = sources.labelsFile == nil ? sources.labels : nil
            let choice = try ArrayChoice(
                arrays, images: sources.images, labels: labels, sources.takesTrainingPart)
            try self.init(arrays, choice, readsLabels: sources.labelsFile == nil)
        }
        if let other = sources.labelsFile { try takeLabels(from: other, name: sources.labels) }
    }

    /// Arrays of a format without names; `expected` says where labels should be.
    init(
        _ path: String, images: any StoredArray, labels: (any StoredArray)?, classNames: [String]? = nil,
        expected: String = ""
    ) {
        (self.images, self.labels) = (images, labels.map(LabelArray.numbers))
        (self.classNames, labelSource, labelsFile) = (classNames, "array 'labels'", path)
        missingLabels = .noLabels(file: path, found: [], expected: expected)
    }

    private init(
        _ arrays: any NamedArrays, _ choice: ArrayChoice, readsLabels: Bool
    ) throws(DatasetError) {
        images = try arrays.numbers(choice.name, acceptsBooleans: false)
        labels = try (readsLabels ? choice.labels : nil).map { name throws(DatasetError) in
            try arrays.labels(name)
        }
        (labelSource, labelsFile) = ("array '\(choice.labels ?? "")'", arrays.path)
        classNames = try arrays.classNames
        assumptions = choice.assumptions
        missingLabels =
            choice.unclearLabels
            ?? .noLabels(
                file: arrays.path, found: choice.labels == nil ? arrays.summary : [],
                expected: ArrayName.knownLabels)
    }

    /// Takes labels from a file of their own instead.
    private mutating func takeLabels(from path: String, name: String?) throws(DatasetError) {
        labelsFile = path
        if Self.unnamedFormat(path) == .idx {
            labels = .numbers(try IDXFile.open(path, name: "labels"))
            (labelSource, classNames) = ("file '\(path)'", nil)
            return
        }
        guard !ImageList.endings.contains(ending(of: path)) else {
            throw .optionDoesNotFit(
                file: path, option: "--labels FILE", found: "a text file",
                expected: "labels of arrays in HDF5, .npz, .npy or IDX")
        }
        let arrays = try Self.namedArrays(path)
        let choice = try ArrayChoice(arrays, labels: name)
        labels = try arrays.labels(choice.name)
        labelSource = "array '\(choice.name)' in '\(path)'"
        classNames = try arrays.classNames ?? classNames
        assumptions += choice.assumptions
    }

    private enum UnnamedFormat: String { case idx = "an IDX file", cifar = "CIFAR's binary file" }

    /// The format of a file whose arrays have no names; nil for others.
    private static func unnamedFormat(_ path: String) -> UnnamedFormat? {
        let start = RandomAccessFile.firstBytes(4, of: path)
        if GzipFile.isGzip(start) || start.starts(with: [0, 0, 8]) { return .idx }
        return ending(of: path) == "bin" ? .cifar : nil
    }

    private static func namedArrays(_ path: String) throws(DatasetError) -> any NamedArrays {
        let start = RandomAccessFile.firstBytes(512, of: path)
        switch FileKind(firstBytes: start) {
        case .zip: return try NpzArrays(path: path)
        case .numpy: return try NpyArrays(path: path)
        case .pickle: throw .pythonPickle(file: path)
        // An archive without members.
        case _ where start.starts(with: [0x50, 0x4B, 5, 6]): return try NpzArrays(path: path)
        default: return try HDF5Arrays(path: path)
        }
    }

    /// The labels; nil if there are none, or if images have several labels and none are needed.
    func classLabels(images: Int, requiresLabels: Bool) throws(DatasetError) -> ClassLabels? {
        guard let labels else {
            if requiresLabels { throw missingLabels }
            return nil
        }
        do throws(DatasetError) {
            return try labels.read(file: labelsFile, images: images, classNames: classNames)
        } catch {
            if case .severalLabels = error, !requiresLabels { return nil }
            throw error
        }
    }
}
