import Tensors

/// Why an image file is not read.
package enum ImageError: Error, Equatable {
    /// The system could not open or read the file, or it is no regular file.
    case unreadable(file: String, reason: String)
    /// None of the formats that are read, by content.
    case wrongFormat(file: String, found: String)
    /// A kind of a format that is not decoded.
    case unsupported(file: String, format: String, found: String, expected: String)
    /// The file is too large.
    case tooManyBytes(file: String, found: Int, limit: Int)
    /// The header declares too many pixels. Nothing is allocated for them.
    case tooLarge(file: String, width: Int, height: Int, limit: Int)
    /// A file that ends before its image does.
    case truncated(file: String, format: String, expected: String)
    /// The decoder failed; the reason is its message.
    case damaged(file: String, format: String, reason: String)
    /// JPEG with a number of components other than 1 (grey), 3 (colour) and 4 (CMYK).
    case wrongComponents(file: String, found: Int)
    /// An image that would have no row or no column after resizing.
    case vanishes(file: String, width: Int, height: Int, resized: String)
    /// A crop that does not fit into the resized image.
    case smallerThanCrop(file: String, resized: String, crop: String)
}

extension ImageError: CustomStringConvertible {
    /// The message in one line: the file, what was found and what was expected.
    package var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): \(reason)"
        case .wrongFormat(let file, let found):
            "\(file): \(found), expected JPEG, PNG, BMP, PPM or PGM" + (isImage ? Self.remedy(file, "") : "")
        case .unsupported(let file, let format, let found, let expected):
            "\(file): \(format) with \(found), expected \(expected)"
                + Self.remedy(file, format == "PGM" ? ".point(lambda v: v * (1/256))" : "")
        case .tooManyBytes(let file, let found, let limit):
            "\(file): \(found) bytes, expected an image of at most \(limit)"
        case .tooLarge(let file, let width, let height, let limit):
            "\(file): \(width)×\(height) pixels, expected at most \(limit) in total"
        case .truncated(let file, let format, let expected):
            "\(file): \(format) ends early, expected \(expected)"
        case .damaged(let file, let format, let reason): "\(file): damaged \(format): \(reason)"
        case .wrongComponents(let file, let found):
            "\(file): JPEG of \(found) components, expected 1 (grey), 3 (colour) or 4 (CMYK)"
        case .vanishes(let file, let width, let height, let resized):
            "\(file): \(width)×\(height) pixels resized to \(resized), expected at least 1×1"
        case .smallerThanCrop(let file, let resized, let crop):
            "\(file): resized to \(resized), expected at least the crop's \(crop) (height×width)"
        }
    }
    /// Whether the file is an image of another format.
    private var isImage: Bool {
        if case .wrongFormat(_, let found) = self { found.hasPrefix("a ") } else { true }
    }

    /// The command that writes all files of this kind in the folder anew, with Pillow. `step` comes before the conversion to
    /// 8 bits: Pillow clips 16-bit grey at 255.
    private static func remedy(_ file: String, _ step: String) -> String {
        let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        let kind = ending(of: file)
        let files =
            kind.isEmpty ? file.shellWord : (folder.isEmpty ? "" : folder.shellWord) + "*." + kind.shellWord
        return "; convert these files, and remove them: python3 -c 'import sys; from PIL import Image; "
            + "[Image.open(f)\(step).convert(\"RGB\").save(f + \".png\") for f in sys.argv[1:]]' \(files)"
    }
}
