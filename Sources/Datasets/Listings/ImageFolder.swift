import Foundation

extension ImageListing {
    /// Extensions of image files. The list includes formats that are not read: reading them fails with their name, so that they
    /// are not silently skipped.
    static let endings: Set = [
        "jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm", "pnm", "pbm", "jp2", "heic",
        "avif",
    ]

    /// A folder with a folder for each class, images at any depth in it, as torchvision's ImageFolder; without labels
    /// the images may be in the folder itself. Names that begin with a dot are skipped.
    init(folder: String, requiresLabels: Bool) throws(DatasetError) {
        let entries = try Self.entries(of: folder)
        let classes = entries.filter { isFolder(folder + "/" + $0) }
        guard !classes.isEmpty else {
            let images = entries.filter { Self.endings.contains(ending(of: $0)) }
            guard !images.isEmpty else { throw .noImageFiles(folder: folder, found: entries) }
            if requiresLabels { throw .noClassFolders(folder: folder, images: images.count) }
            self.init(source: folder, files: FilePaths(images.lazy.map { folder + "/" + $0 }), labels: nil)
            return
        }
        var files = FilePaths()
        var names: [String] = []
        for name in classes {
            try Self.add(imagesIn: folder + "/" + name, ancestors: [], to: &files)
            guard files.count > names.count else { throw .emptyClass(folder: folder, name: name) }
            names += repeatElement(name, count: files.count - names.count)
        }
        self.init(source: folder, files: files, labels: .names(names), labelSource: "folders")
    }

    /// Names in a folder, in the order of their code points.
    static func entries(of folder: String) throws(DatasetError) -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw .unreadableFolder(folder: folder)
        }
        return names.filter { !$0.hasPrefix(".") }.sortedByCodePoints
    }

    /// Adds images at any depth. Stops at links to a parent folder.
    private static func add(
        imagesIn folder: String, ancestors: [String], to files: inout FilePaths
    ) throws(DatasetError) {
        let real = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        guard !ancestors.contains(real) else { return }
        var folders: [String] = []
        for name in try entries(of: folder) {
            let path = folder + "/" + name
            if endings.contains(ending(of: name)) {
                files.append(path)
            } else if isFolder(path) {
                folders.append(path)
            }
        }
        for path in folders { try add(imagesIn: path, ancestors: ancestors + [real], to: &files) }
    }
}
