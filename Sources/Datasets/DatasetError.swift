import Archives
import HDF5
import Tensors

/// Why a split cannot be read.
package enum DatasetError: Error, Equatable {
    /// The HDF5 file or an object in it is refused.
    case hdf5(HDF5Error)
    /// The npz archive or an array in it is refused.
    case archive(ArchiveError)
    /// No array has a known name for images.
    case noImages(file: String, found: [String], expected: String)
    /// Several arrays have a known name for images, or for labels.
    case severalArrays(file: String, role: String, found: [String])
    /// No array of the name that was asked for.
    case noArray(file: String, name: String, found: [String])
    /// `--labels` that names neither a file nor an array.
    case noLabelSource(file: String, name: String, found: [String])
    /// No labels where labels are needed.
    case noLabels(file: String, found: [String], expected: String)
    /// An array of Python objects.
    case pickledArray(file: String, object: String)
    /// A Python pickle, such as a batch of CIFAR for Python.
    case pythonPickle(file: String)
    /// An option that does not go with this kind of split.
    case optionDoesNotFit(file: String, option: String, found: String, expected: String)
    /// Images of truth values.
    case wrongImageType(file: String, object: String, found: String)
    /// Integer images of which nothing says what white is.
    case scaleUnknown(file: String, object: String, found: String, low: Float, high: Float)
    /// Images that are neither grey nor of three colours, where a change between these is asked for.
    case channelsFixed(file: String, object: String, found: Int)
    /// A shape that is not that of images.
    case wrongImageShape(file: String, object: String, found: [Int], form: ArrayForm = .images)
    /// Whether the channels stand first or last cannot be told from the shape.
    case layoutUnclear(file: String, object: String, found: [Int], form: ArrayForm = .images)
    /// Labels of a shape or type that is neither class numbers nor one-hot rows.
    case wrongLabels(file: String, object: String, found: String)
    /// More or fewer labels than images.
    case lengthsDiffer(file: String, object: String, found: Int, expected: Int)
    /// A label that is negative, or no index into the file's class names.
    case labelOutOfRange(file: String, object: String, image: Int, found: Int, classes: Int?)
    /// A float label that is not a whole number.
    case labelNotWhole(file: String, object: String, image: Int, found: Float)
    /// A label in an array of strings that is missing or of another kind than the others.
    case malformedLabel(file: String, object: String, image: Int, found: String, expected: String)
    /// A row of labels of other values than zeros and ones.
    case notOneHot(file: String, object: String, image: Int)
    /// A row of zeros and ones without a one or with several: an image of several labels or none.
    case severalLabels(file: String, object: String, image: Int, found: Int)
    /// Text that names no preprocessing.
    case unknownPreprocessing(found: String, expected: String)
    /// A preprocessing that makes pixels infinite.
    case overflowingPreprocessing(found: String)
    /// An augmentation that makes no sense, or not for these images.
    case augmentationDoesNotFit(file: String, augmentation: String, found: String, expected: String)
    /// A preprocessing for another number of channels than the images have.
    case wrongChannels(file: String, object: String, found: Int, preprocessing: String, expected: Int)
    /// Float images whose values do not lie where the preprocessing expects them.
    case wrongScale(
        file: String, object: String, low: Float, high: Float, preprocessing: String, expected: String)
    /// A pixel that is NaN or infinite; some engines would hide it.
    case nonFinitePixel(file: String, object: String, image: Int)
    /// A finite pixel that is not finite after preprocessing.
    case overflowingPixel(file: String, object: String, image: Int, preprocessing: String)
    /// Images that the split does not have.
    case rangeOutOfBounds(file: String, found: Range<Int>, count: Int)
    /// A file of another format than HDF5 and npz that contradicts it.
    case malformedFile(file: String, format: String, found: String, expected: String)
    /// An image file cannot be read.
    case image(ImageError)
    /// None of the image files can be read.
    case allBroken(file: String, count: Int, first: ImageError)
    /// A folder that cannot be listed.
    case unreadableFolder(folder: String)
    /// A folder without image files.
    case noImageFiles(folder: String, found: [String])
    /// Images that are in no class folder.
    case noClassFolders(folder: String, images: Int)
    /// A class' folder without images.
    case emptyClass(folder: String, name: String)
    /// A list that is not UTF-8 text.
    case listIsNoText(file: String)
    /// A list that is too large.
    case listTooLarge(file: String, limit: Int)
    /// A list with a line that is too long.
    case lineTooLong(file: String, limit: Int)
    /// A list without entries.
    case emptyList(file: String)
    /// A malformed line of a list.
    case malformedLine(file: String, line: Int, found: String, expected: String)
    /// A list of which no column, or more than one, can be the path or the label.
    case columnsUnclear(file: String, line: Int, found: [String], expected: String)
    /// The first image of a list does not exist.
    case listedImageMissing(file: String, line: Int, image: String, root: String? = nil)
    /// A list of classes that contradicts itself.
    case malformedClasses(file: String, found: String, expected: String)
    /// A class that is not among the network's class names.
    case unknownClass(file: String, name: String, classes: String)
}

extension DatasetError: CustomStringConvertible {
    /// The message in one line: the file, the object in it, what was found and what was expected.
    package var description: String {
        switch self {
        case .hdf5(.notHDF5(let path, let kind)):
            HDF5Error.notHDF5(path: path, looksLike: kind).description
                + "; expected HDF5, .npz, .npy, IDX, CIFAR's .bin, a list (.csv, .txt) or a folder of images"
        case .hdf5(let error): error.description
        case .archive(let error): error.description
        case .wrongImageShape(let file, let object, let found, let form):
            "\(file): '\(object)': shape is \(found), expected \(form.shapes) with no dimension of size 0"
        case .layoutUnclear(let file, let object, let found, let form):
            "\(file): '\(object)': shape is \(found), expected \(form.channels.map(String.init).joined(separator: " or ")) channels at one end only, first or last; choose the order with --layout nhwc or nchw (--image-layout in convert)"
        case .wrongLabels(let file, let object, let found):
            "\(file): '\(object)': labels are \(found), expected whole numbers or names of shape [N], [N, 1] or [1, N], "
                + "or one-hot rows [N, classes]"
        case .lengthsDiffer(let file, let object, let found, let expected):
            "\(file): '\(object)': \(found) labels, expected \(expected), one per image"
        case .labelOutOfRange(let file, let object, let image, let found, let classes):
            "\(file): '\(object)': label \(found) at image \(image), expected "
                + (classes.map { "0…\($0 - 1), as there are \($0) class names" } ?? "0 or more")
        case .labelNotWhole(let file, let object, let image, let found):
            "\(file): '\(object)': label \(found) at image \(image), expected a whole number, the class"
        case .malformedLabel(let file, let object, let image, let found, let expected):
            "\(file): '\(object)': label '\(found.prefix(60))' at image \(image), expected \(expected)"
        case .severalLabels(let file, let object, let image, let found):
            "\(file): '\(object)': \(found) labels at image \(image), expected a single 1 among zeros. Multi-label data cannot be scored; convert, diff and benchmark need no labels"
        case .notOneHot(let file, let object, let image):
            "\(file): '\(object)': row \(image) is not one-hot, expected a single 1 among zeros. Soft labels cannot be scored; if the largest is the class, save labels.argmax(1)"
        case .unknownPreprocessing(let found, let expected):
            "unknown preprocessing '\(found)', expected \(expected)"
        case .wrongChannels(let file, let object, let found, let preprocessing, let expected):
            "\(file): '\(object)': \(found) channels, expected \(expected) for preprocessing '\(preprocessing)'"
        case .wrongScale(let file, let object, let low, let high, let preprocessing, let expected):
            "\(file): '\(object)': values from \(low) to \(high), but preprocessing '\(preprocessing)' expects "
                + "\(expected); --preprocess raw leaves the values unchanged"
        case .overflowingPreprocessing(let found):
            "preprocessing '\(found)' gives pixels that are not finite, expected a larger deviation"
        case .augmentationDoesNotFit(let file, let augmentation, let found, let expected):
            "\(file): augmentation '\(augmentation)': found \(found), expected \(expected)"
        case .overflowingPixel(let file, let object, let image, let preprocessing):
            "\(file): '\(object)': image \(image) has a pixel that is not finite after preprocessing '\(preprocessing)'"
        case .nonFinitePixel(let file, let object, let image):
            "\(file): '\(object)': image \(image) has a pixel that is not finite, expected a finite number"
        case .rangeOutOfBounds(let file, let found, let count):
            "\(file): images \(found), expected images of 0…\(count - 1)"
        case .malformedFile(let file, let format, let found, let expected):
            "\(file): \(found), expected \(expected) (\(format))"
        case .image(let error): "\(error); use --skip-broken to skip such images"
        case .allBroken(let file, let count, let first):
            "\(file): none of \(count) images can be read; the first: \(first)"
        case .unreadableFolder(let folder): "\(folder): cannot list the folder; check its permissions"
        case .noImageFiles(let folder, let found):
            "\(folder): found \(Self.list(found)), expected folders of image files, one for each class, images with a "
                + "metadata.csv, or the test files of CIFAR or MNIST"
        case .noClassFolders(let folder, let images):
            "\(folder): found \(images) images directly in the folder, expected a folder for each class, because labels are needed"
        case .emptyClass(let folder, let name):
            "\(folder): no images in the class folder '\(name)', expected at least one"
        case .listIsNoText(let file): "\(file): not a text file, expected UTF-8"
        case .listTooLarge(let file, let limit):
            "\(file): found a list of more than \(limit) bytes, expected at most \(limit)"
        case .lineTooLong(let file, let limit):
            "\(file): a line of more than \(limit) bytes, expected an image's path and label"
        case .emptyList(let file): "\(file): no entries, expected at least one line"
        case .malformedLine(let file, let line, let found, let expected):
            "\(file):\(line): '\(found.prefix(60))', expected \(expected)"
        case .columnsUnclear(let file, let line, let found, let expected):
            "\(file):\(line): columns \(Self.list(found, 20)), expected \(expected)"
        case .listedImageMissing(let file, let line, let image, let root):
            "\(file):\(line): there is no '\(image)', expected a path relative to "
                + (root.map { "'\($0)'" }
                    ?? "the list's folder, or to a folder 'images' in it or next to it; give another folder with --image-root")
                + ". The extension may be omitted"
        case .malformedClasses(let file, let found, let expected):
            "\(file): \(found), expected \(expected)"
        case .unknownClass(let file, let name, let classes):
            "\(file): class '\(name)' is not in \(classes), expected every class there; give the output of each class "
                + "with --classes FILE, a line 'NAME INDEX' for each"
        default: arrayDescription
        }
    }

    private static func list(_ names: [String], _ limit: Int = 3) -> String {
        names.isEmpty ? "nothing" : names.map { "'\($0)'" }.listed(limit)
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

/// Runs what reads an image file and wraps its error.
func imageResult<Result>(_ body: () throws(ImageError) -> Result) throws(DatasetError) -> Result {
    do throws(ImageError) { return try body() } catch { throw .image(error) }
}
