import Foundation

extension ImageListing {
    /// Endings of files that are taken for images. Other formats than JPEG and PNG are among them so that nobody scores
    /// a part of the images for all: they are refused by name when they are read.
    static let endings: Set = [
        "jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm", "jp2", "heic", "avif",
    ]

    /// A folder with a folder for each class, images at any depth in it, as torchvision's ImageFolder; without labels
    /// the images may lie in the folder itself. Names that begin with a point are passed over.
    init(folder: String, requiresLabels: Bool) throws(DatasetError) {
        let entries = try Self.entries(of: folder)
        let classes = entries.filter { isFolder(folder + "/" + $0) }
        guard !classes.isEmpty else {
            let images = entries.filter { Self.endings.contains(ending(of: $0)) }
            guard !images.isEmpty else { throw .noImageFiles(folder: folder, found: entries) }
            if requiresLabels { throw .noClassFolders(folder: folder, images: images.count) }
            self.init(source: folder, files: images.map { folder + "/" + $0 }, labels: nil)
            return
        }
        var files: [String] = []
        var names: [String] = []
        for name in classes {
            let found = try Self.images(in: folder + "/" + name, ancestors: [])
            guard !found.isEmpty else { throw .emptyClass(folder: folder, name: name) }
            files += found
            names += repeatElement(name, count: found.count)
        }
        self.init(source: folder, files: files, labels: .names(names))
    }

    /// Names in a folder, in the order of their code points.
    private static func entries(of folder: String) throws(DatasetError) -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw .unreadableFolder(folder: folder)
        }
        return names.filter { !$0.hasPrefix(".") }.sortedByCodePoints
    }

    /// Images at any depth; a link to a folder that it lies in is not followed for ever.
    private static func images(in folder: String, ancestors: [String]) throws(DatasetError) -> [String] {
        let real = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        guard !ancestors.contains(real) else { return [] }
        var images: [String] = []
        var folders: [String] = []
        for name in try entries(of: folder) {
            let path = folder + "/" + name
            if endings.contains(ending(of: name)) {
                images.append(path)
            } else if isFolder(path) {
                folders.append(path)
            }
        }
        for path in folders { images += try self.images(in: path, ancestors: ancestors + [real]) }
        return images
    }
}
