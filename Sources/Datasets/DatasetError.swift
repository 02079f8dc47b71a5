import Archives
import HDF5

/// Why a file is not a split that can be scored.
public enum DatasetError: Error, Equatable {
    /// The HDF5 file or an object in it is refused.
    case hdf5(HDF5Error)
    /// The npz archive or an array in it is refused.
    case archive(ArchiveError)
    /// No array of a name that images go by.
    case noImages(file: String, found: [String], expected: [String])
    /// Images under several names, so that it is open which are meant.
    case severalImages(file: String, found: [String])
    /// No labels where labels are needed.
    case noLabels(file: String, expected: String)
    /// Images of elements other than uint8 and floats.
    case wrongImageType(file: String, object: String, found: String)
    /// A shape that is not that of images.
    case wrongImageShape(file: String, object: String, found: [Int])
    /// Whether the channels stand first or last cannot be told from the shape.
    case layoutUnclear(file: String, object: String, found: [Int])
    /// Labels of a shape or type that is neither class numbers nor one-hot rows.
    case wrongLabels(file: String, object: String, found: String)
    /// More or fewer labels than images.
    case lengthsDiffer(file: String, object: String, found: Int, expected: Int)
    /// A label that is negative, or no index into the file's class names.
    case labelOutOfRange(file: String, object: String, image: Int, found: Int, classes: Int?)
    /// A one-hot row that is not a single one among zeros.
    case notOneHot(file: String, object: String, image: Int)
    /// Text that is no preprocessing.
    case unknownPreprocessing(found: String, expected: String)
    /// A preprocessing for another number of channels than the images have.
    case wrongChannels(file: String, object: String, found: Int, preprocessing: String, expected: Int)
    /// Float images whose values do not lie where the preprocessing expects them.
    case wrongScale(
        file: String, object: String, low: Float, high: Float, preprocessing: String, expected: String)
    /// A pixel that is NaN or infinite; some engines would hide it.
    case nonFinitePixel(file: String, object: String, image: Int)
    /// Images that the split does not have.
    case rangeOutOfBounds(file: String, found: Range<Int>, count: Int)
}

extension DatasetError: CustomStringConvertible {
    /// One line for people: the file, the object in it, what was found and what was expected.
    public var description: String {
        switch self {
        case .hdf5(let error): error.description
        case .archive(let error): error.description
        case .noImages(let file, let found, let expected):
            "\(file): no images: found \(Self.list(found)), expected one of \(Self.list(expected))"
        case .severalImages(let file, let found):
            "\(file): images under several names: \(Self.list(found)), expected one of them"
        case .noLabels(let file, let expected): "\(file): no labels, expected '\(expected)' beside the images"
        case .wrongImageType(let file, let object, let found):
            "\(file): '\(object)': elements are \(found), expected uint8 or floats of 16, 32 or 64 bits"
        case .wrongImageShape(let file, let object, let found):
            "\(file): '\(object)': shape is \(found), expected [N, H, W, C], [N, C, H, W] or [N, H, W], not empty"
        case .layoutUnclear(let file, let object, let found):
            "\(file): '\(object)': shape is \(found): expected 1 or 3 channels either first or last; "
                + "say which with the layout, nhwc or nchw"
        case .wrongLabels(let file, let object, let found):
            "\(file): '\(object)': labels are \(found), expected integers of shape [N] or [N, 1], "
                + "or one-hot rows [N, classes]"
        case .lengthsDiffer(let file, let object, let found, let expected):
            "\(file): '\(object)': \(found) labels, expected \(expected), one per image"
        case .labelOutOfRange(let file, let object, let image, let found, let classes):
            "\(file): '\(object)': label \(found) at image \(image), expected "
                + (classes.map { "0…\($0 - 1), as there are \($0) class names" } ?? "0 or more")
        case .notOneHot(let file, let object, let image):
            "\(file): '\(object)': row \(image) is not one-hot, expected a single 1 among zeros"
        case .unknownPreprocessing(let found, let expected):
            "preprocessing '\(found)': expected \(expected)"
        case .wrongChannels(let file, let object, let found, let preprocessing, let expected):
            "\(file): '\(object)': \(found) channels, expected \(expected) for preprocessing '\(preprocessing)'"
        case .wrongScale(let file, let object, let low, let high, let preprocessing, let expected):
            "\(file): '\(object)': values from \(low) to \(high), but preprocessing '\(preprocessing)' expects "
                + "\(expected); 'raw' takes values as they are"
        case .nonFinitePixel(let file, let object, let image):
            "\(file): '\(object)': image \(image) has a pixel that is not finite, expected numbers"
        case .rangeOutOfBounds(let file, let found, let count):
            "\(file): images \(found), expected images of 0..<\(count)"
        }
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "nothing" : names.prefix(10).map { "'\($0)'" }.joined(separator: ", ")
    }
}

/// Runs what reads HDF5 and wraps its error.
func hdf5Result<Result>(_ body: () throws(HDF5Error) -> Result) throws(DatasetError) -> Result {
    do throws(HDF5Error) { return try body() } catch { throw .hdf5(error) }
}

/// Runs what reads an archive and wraps its error.
func archiveResult<Result>(_ body: () throws(ArchiveError) -> Result) throws(DatasetError) -> Result {
    do throws(ArchiveError) { return try body() } catch { throw .archive(error) }
}
