import Archives
import Foundation

/// Image files and their classes, from a folder or a list.
struct ImageListing: Equatable {
    /// The folder or list.
    let source: String
    /// Paths that can be opened, in the listing's order.
    let files: FilePaths
    /// Nil without labels.
    let labels: ClassLabels?
    /// The source of the labels.
    let labelSource: String

    /// What names of folders or a list's column of parts alone decided.
    private(set) var assumptions: [String] = []

    /// Lists the image files of a folder or of a list; nil if `path` is neither: a file of arrays, or a folder of
    /// such. `sources` says where the paths of a list start from, and which of several parts is taken.
    init?(path: String, requiresLabels: Bool, sources: SplitSources) throws(DatasetError) {
        if isFolder(path) {
            guard ArrayFolder.testFile(in: path) == nil else { return nil }
            if let batch = ArrayFolder.pythonBatch(in: path) { throw .pythonPickle(file: batch) }
            guard sources.imageRoot == nil else {
                throw .optionDoesNotFit(
                    file: path, option: "--image-root", found: "a folder", expected: "a list of image files")
            }
            self = try Self.part(of: path, requiresLabels, takesTraining: sources.takesTrainingPart)
        } else if ImageList.endings.contains(ending(of: path)), FileManager.default.fileExists(atPath: path) {
            self = try ImageList(
                path: path, root: sources.imageRoot, takesTraining: sources.takesTrainingPart
            ).listing(requiresLabels: requiresLabels)
        } else {
            return nil
        }
    }

    /// What is known already.
    init(
        source: String, files: FilePaths, labels: ClassLabels?, labelSource: String = "",
        assumptions: [String] = []
    ) {
        (self.source, self.files, self.assumptions) = (source, files, assumptions)
        (self.labels, self.labelSource) = (labels, labelSource)
    }

    /// The images of a folder; where all of its folders are parts of a data set, of the test part or the training part.
    private static func part(
        of folder: String, _ requiresLabels: Bool, takesTraining: Bool
    ) throws(DatasetError) -> ImageListing {
        if let listing = try metadata(in: folder, requiresLabels, takesTraining: takesTraining) {
            return listing
        }
        let folders = try entries(of: folder).filter { isFolder(folder + "/" + $0) }
        let parts = folders.compactMap { name in ArrayName.part(name).map { (name, $0) } }
        let order = ArrayName.Part.allCases
        let chosen = (takesTraining ? order.reversed() : order)
            .compactMap { part in parts.first { $0.1 == part }?.0 }.first
        guard let chosen, parts.count == folders.count else {
            return try ImageListing(folder: folder, requiresLabels: requiresLabels)
        }
        var listing = try part(
            of: folder + "/" + chosen, requiresLabels, takesTraining: takesTraining)
        let others = folders.filter { $0 != chosen }.map { "'\($0)'" }
        if !others.isEmpty {
            listing.assumptions.append(
                "folder '\(chosen)' is the split; there is also \(others.joined(separator: " and "))")
        }
        return listing
    }

    /// The images that a folder's metadata file lists, if it has one with file names. Without labels in it, class folders
    /// count.
    private static func metadata(
        in folder: String, _ requiresLabels: Bool, takesTraining: Bool
    ) throws(DatasetError) -> ImageListing? {
        guard let path = MetadataFile.path(in: folder) else { return nil }
        let list = try ImageList(path: path, takesTraining: takesTraining)
        let header = ListHeader(list.table.rows[0].fields)
        guard header.hasFileNames else { return nil }
        // A column of captions is none of labels.
        let hasLabels = !header.numbers.isEmpty || !header.classNames.isEmpty
        if requiresLabels, !hasLabels,
            try entries(of: folder).contains(where: { isFolder(folder + "/" + $0) })
        {
            return nil
        }
        return try list.listing(requiresLabels: requiresLabels)
    }

    /// Labels as output indices; nil if there are none.
    func resolvedLabels(_ classes: ClassIndices?) throws(DatasetError) -> ClassLabels.Resolved? {
        guard let resolved = try labels?.resolved(by: classes, in: source) else { return nil }
        let count = resolved.names?.count
        if let image = resolved.labels.firstIndex(where: { $0 >= count ?? .max }) {
            throw .labelOutOfRange(
                file: source, object: files[image], image: image, found: resolved.labels[image],
                classes: count)
        }
        return resolved
    }
}

extension Sequence<String> {
    /// In the order of their code points, as Python sorts.
    var sortedByCodePoints: [String] {
        sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
    }
}

/// The longest line of a list, in bytes.
private let mostLineBytes = 1 << 16

/// The text of a list without a byte-order mark. Throws if it has more than `limit` bytes, a line of more than 64 KiB, or is
/// not UTF-8.
func listText(_ path: String, limit: Int) throws(DatasetError) -> String {
    let bytes = try archiveResult { () throws(ArchiveError) -> [UInt8]? in
        let file = try RandomAccessFile(path: path)
        return file.size <= limit ? try file.read(at: 0, count: file.size) : nil
    }
    guard let bytes else { throw .listTooLarge(file: path, limit: limit) }
    var start = 0
    while start < bytes.count {
        let end = bytes[start...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? bytes.count
        guard end - start <= mostLineBytes else { throw .lineTooLong(file: path, limit: mostLineBytes) }
        start = end + 1
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .listIsNoText(file: path) }
    return text.first == "\u{FEFF}" ? String(text.dropFirst()) : text
}

/// Whether a path is a folder, or a link to one.
func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
}

/// The extension of a file name, in lower case.
func ending(of path: String) -> String {
    let name = path.split(separator: "/").last ?? ""
    return name.contains(".") ? name.split(separator: ".").last.map { $0.lowercased() } ?? "" : ""
}
