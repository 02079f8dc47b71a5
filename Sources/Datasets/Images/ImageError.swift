/// Why an image file is not read.
package enum ImageError: Error, Equatable {
    /// The system could not open or read the file, or it is no regular file.
    case unreadable(file: String, reason: String)
    /// Neither JPEG nor PNG, by content.
    case wrongFormat(file: String, found: String)
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
        case .wrongFormat(let file, let found): "\(file): \(found), expected JPEG or PNG"
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
}
