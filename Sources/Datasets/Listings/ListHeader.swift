import Foundation

/// The column names of a list, if its first line has them.
struct ListHeader {
    /// As written in the file.
    let names: [String]
    /// In lower case, without spaces and underscores: `Class ID` is `classid`.
    private let keys: [String]

    /// Names of path columns, the most specific first.
    private static let pathKeys = [
        "path", "paths", "filepath", "filepaths", "filename", "filenames", "file", "files", "imagepath",
        "imagepaths", "imagefile", "imagefilename", "imagename", "image", "images", "imgpath", "imgname",
        "img",
        "imageid", "imgid", "idcode", "fname", "id",
    ]
    /// Columns of class numbers.
    private static let numberKeys: Set = [
        "label", "labels", "class", "classes", "classid", "classids", "classindex", "classidx", "classnumber",
        "target", "targets", "labelid", "labelindex", "labelidx", "categoryid", "diagnosis", "y",
    ]
    /// Names of class name columns, the most specific first.
    private static let nameKeys = [
        "classname", "classnames", "labelname", "labelnames", "label", "labels", "class", "classes",
        "category",
        "categories", "target", "targets", "breed", "diagnosis",
    ]
    /// Columns of line numbers.
    private static let indexKeys: Set = ["", "index", "idx", "no", "unnamed:0"]

    /// Columns of parts of a data set.
    private static let partKeys: Set = ["split", "set", "dataset", "subset", "phase", "partition", "fold"]

    /// The known names, for errors.
    static let understood = "\(understoodPath), and \(understoodClass)"
    /// The known names of path columns, for errors.
    static let understoodPath = "one for the image's path ('path', 'filename', 'image', 'image_id', 'id', …)"
    /// The known names of label columns, for errors.
    static let understoodClass =
        "one for its class ('label', 'class', 'class_id', 'target', 'class_name', 'category', …) or columns of 0 and 1, "
        + "one for each class"

    /// Any line.
    init(_ fields: [String]) {
        names = fields
        keys = fields.map { field in
            field.lowercased().filter { !$0.isWhitespace && !"_-.".contains($0) }
        }
    }

    /// Whether the line has known names and nothing that could be an image file.
    var isHeader: Bool {
        let isKnown = keys.contains {
            Self.pathKeys.contains($0) || Self.numberKeys.contains($0) || Self.nameKeys.contains($0)
        }
        return isKnown && !names.contains { ImageListing.endings.contains(ending(of: $0)) }
    }

    /// Whether all names are known. Two words are a header only then; otherwise they are a path and a label.
    var isKnownThroughout: Bool {
        keys.allSatisfy {
            Self.pathKeys.contains($0) || Self.numberKeys.contains($0) || Self.nameKeys.contains($0)
        }
    }

    /// Whether a column is called `file_name`, as in Hugging Face's metadata.
    var hasFileNames: Bool { keys.contains("filename") }
    /// Places of columns that may hold paths, the likeliest first.
    var paths: [Int] { ranked(Self.pathKeys) }
    /// Places of columns that may hold class numbers.
    var numbers: [Int] { keys.indices.filter { Self.numberKeys.contains(keys[$0]) } }
    /// Places of columns that may say which part of a data set a line belongs to.
    var parts: [Int] { keys.indices.filter { Self.partKeys.contains(keys[$0]) } }
    /// Places of columns that may hold class names, the likeliest first.
    var classNames: [Int] { ranked(Self.nameKeys) }
    /// Whether a column holds class names even where these are digits.
    func saysNames(_ column: Int) -> Bool {
        ["classname", "classnames", "labelname", "labelnames"].contains(keys[column])
    }
    /// Places of columns that are neither paths nor line numbers.
    var others: [Int] {
        keys.indices.filter { !Self.pathKeys.contains(keys[$0]) && !Self.indexKeys.contains(keys[$0]) }
    }

    private func ranked(_ known: [String]) -> [Int] {
        known.flatMap { name in keys.indices.filter { keys[$0] == name } }
    }
}
