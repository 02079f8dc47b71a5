import Archives
import HDF5
import Tensors

/// A file of arrays with names.
protocol NamedArrays {
    /// The file.
    var path: String { get }
    /// Names of arrays that may be images or labels.
    var names: [String] { get }
    /// Class names in the order of the labels, where the file has them.
    var classNames: [String]? { get throws(DatasetError) }
    /// An array of numbers, or of truth values too if `acceptsBooleans`.
    func numbers(_ name: String, acceptsBooleans: Bool) throws(DatasetError) -> any StoredArray
    /// An array of strings; nil for other arrays.
    func texts(_ name: String) throws(DatasetError) -> TextArray?
    /// All arrays with their types and shapes, for errors: `'x' uint8 [24, 8, 8, 3]`.
    var summary: [String] { get }
}

extension NamedArrays {
    var classNames: [String]? { get throws(DatasetError) { nil } }

    /// An array of labels.
    func labels(_ name: String) throws(DatasetError) -> LabelArray {
        if let texts = try texts(name) { return .texts(texts) }
        return .numbers(try numbers(name, acceptsBooleans: true))
    }
}

/// An npz archive.
struct NpzArrays: NamedArrays {
    let archive: ZipArchive

    init(path: String) throws(DatasetError) {
        archive = try archiveResult { () throws(ArchiveError) in try ZipArchive(path: path) }
    }

    var path: String { archive.path }
    var names: [String] { archive.arrayNames }

    func numbers(_ name: String, acceptsBooleans: Bool) throws(DatasetError) -> any StoredArray {
        try numpyResult(name) { () throws(ArchiveError) in
            NpzArray(file: path, name: name, array: try archive.array(named: name))
        }
    }

    func texts(_ name: String) throws(DatasetError) -> TextArray? {
        let preamble = try archiveResult { () throws(ArchiveError) in try archive.preamble(named: name) }
        guard preamble.isText else { return nil }
        return TextArray(name: name, shape: preamble.shape) { () throws(DatasetError) in
            try archiveResult { () throws(ArchiveError) in try archive.texts(named: name)?.strings ?? [] }
        }
    }

    var summary: [String] {
        // Errors show the first few.
        let known = names.prefix(8).map { name in
            "'\(name)'" + ((try? archive.preamble(named: name)).map { " \($0.words)" } ?? "")
        }
        return known + names.dropFirst(8).map { "'\($0)'" }
    }
}

/// The one array of an npy file. Bytes stay in the file, other elements are in memory.
struct NpyArrays: NamedArrays {
    let path: String
    private let file: RandomAccessFile
    private let preamble: NumpyPreamble

    /// What the array is called in errors, and by `--images` and `--labels`.
    private static let name = "array"

    init(path: String) throws(DatasetError) {
        self.path = path
        (file, preamble) = try archiveResult { () throws(ArchiveError) in
            let file = try RandomAccessFile(path: path)
            let start = try file.read(at: 0, count: min(file.size, NumpyPreamble.maximumLength + 12))
            return (file, try NumpyPreamble(start, file: path, member: Self.name))
        }
    }

    var names: [String] { [Self.name] }

    func numbers(_ name: String, acceptsBooleans: Bool) throws(DatasetError) -> any StoredArray {
        if preamble.description == "|u1", !preamble.isFortranOrder, !preamble.shape.isEmpty {
            try archiveResult { () throws(ArchiveError) in
                try preamble.check(fileSize: file.size, elementSize: 1, file: path, member: name)
            }
            return RawArray(
                name: name, shape: preamble.shape, storage: .file(file), offset: preamble.length,
                stride: preamble.shape.dropFirst().reduce(1, *))
        }
        return try numpyResult(name) { () throws(ArchiveError) in
            let array = try NumpyArray(file.read(at: 0, count: file.size), file: path, member: name)
            return NpzArray(file: path, name: name, array: array)
        }
    }

    func texts(_ name: String) throws(DatasetError) -> TextArray? {
        guard preamble.isText else { return nil }
        return TextArray(name: name, shape: preamble.shape) { () throws(DatasetError) in
            try archiveResult { () throws(ArchiveError) in
                let bytes = try file.read(at: 0, count: file.size)
                return try NumpyTexts(bytes, file: path, member: name)?.strings ?? []
            }
        }
    }

    var summary: [String] { ["'\(Self.name)' \(preamble.words)"] }
}

extension NamedArrays {
    /// Runs what reads a numpy array. Python objects, which numpy pickles, have an error of their own.
    fileprivate func numpyResult<Result>(
        _ name: String, _ body: () throws(ArchiveError) -> Result
    ) throws(DatasetError) -> Result {
        do throws(ArchiveError) {
            return try body()
        } catch .unsupportedElementType(_, _, "'|O'") {
            throw .pickledArray(file: path, object: name)
        } catch {
            throw .archive(error)
        }
    }
}

extension NumpyPreamble {
    /// Whether elements are strings.
    fileprivate var isText: Bool {
        description.count > 2 && "SU".contains(description.dropFirst().first ?? " ")
    }

    /// Type and shape for people.
    fileprivate var words: String {
        let code = description.dropFirst()
        let type =
            isText
            ? "strings"
            : code == "b1" ? "bool" : ElementType.allCases.first { $0.numpyCode ?? "" == code }?.rawValue
        return "\(type ?? description) \(shape)"
    }
}
