import Archives
import Foundation
import HDF5
import Tensors

/// The test split in a folder of array files.
enum ArrayFolder {
    /// CIFAR-10's, CIFAR-100's and MNIST's names.
    static func testFile(in folder: String) -> String? {
        let mnist = ["t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"].flatMap { [$0, $0 + ".gz"] }
        return (["test_batch.bin", "test.bin"] + mnist).map { folder + "/" + $0 }
            .first { FileManager.default.fileExists(atPath: $0) }
    }

    /// The test file of CIFAR-10 or CIFAR-100 for Python, which is a pickle.
    static func pythonBatch(in folder: String) -> String? {
        let exists = { (name: String) in FileManager.default.fileExists(atPath: folder + "/" + name) }
        let name = exists("batches.meta") ? "test_batch" : exists("meta") ? "test" : "test_batch"
        return FileKind(path: folder + "/" + name) == .pickle ? folder + "/" + name : nil
    }
}

/// MNIST's format: two zeros, the type of the elements, the number of dimensions, the extents as big-endian 32-bit
/// integers, the elements. Files that end in `.gz` are inflated into memory.
enum IDXFile {
    /// Opens a file of uint8.
    static func open(_ path: String, name: String) throws(DatasetError) -> RawArray {
        let file = try archiveResult { () throws(ArchiveError) in try RandomAccessFile(path: path) }
        let start = try archiveResult { () throws(ArchiveError) in
            try file.read(at: 0, count: min(file.size, 64))
        }
        guard GzipFile.isGzip(start) else {
            let header = try Header(start, file: path)
            try header.check(size: file.size, file: path)
            return array(header, name: name, .file(file))
        }
        do {
            let bytes = try GzipFile.read(path: path) { start throws(DatasetError) in
                try Header(start, file: path).fileSize
            }
            return array(try Header(bytes, file: path), name: name, .memory(bytes))
        } catch let error as ArchiveError {
            throw .archive(error)
        } catch {
            throw error as? DatasetError
                ?? .malformedFile(file: path, format: "IDX", found: "\(error)", expected: "a gzip file")
        }
    }

    private static func array(_ header: Header, name: String, _ storage: RawArray.Storage) -> RawArray {
        RawArray(
            name: name, shape: header.shape, storage: storage, offset: header.size,
            stride: header.shape.dropFirst().reduce(1, *))
    }

    private struct Header {
        let shape: [Int]
        /// Bytes of the whole file.
        let fileSize: Int

        var size: Int { 4 + 4 * shape.count }

        init(_ bytes: [UInt8], file: String) throws(DatasetError) {
            guard bytes.count >= 4, bytes[0] == 0, bytes[1] == 0, bytes[2] == 8, 1...4 ~= bytes[3],
                bytes.count >= 4 + 4 * Int(bytes[3])
            else {
                throw .malformedFile(
                    file: file, format: "IDX", found: "a header of \(Array(bytes.prefix(4)))",
                    expected: "[0, 0, 8, dimensions 1 to 4] and the extents")
            }
            shape = (1...Int(bytes[3])).map { dimension in
                bytes[dimension * 4..<dimension * 4 + 4].reduce(0) { $0 << 8 | Int($1) }
            }
            guard let size = Shape.product(of: shape), size < 1 << 40 else {
                throw .malformedFile(
                    file: file, format: "IDX", found: "extents \(shape)", expected: "less than 1 TiB")
            }
            fileSize = 4 + 4 * shape.count + size
        }

        func check(size: Int, file: String) throws(DatasetError) {
            guard size == fileSize else {
                throw .malformedFile(
                    file: file, format: "IDX", found: "\(size) bytes",
                    expected: "\(fileSize) for extents \(shape)")
            }
        }
    }
}

extension SplitFile {
    /// A file of images and the file of labels in the same folder, whose name has `labels` for `images` and `idx1` for
    /// `idx3`.
    static func openIDX(_ path: String) throws(DatasetError) -> SplitFile {
        let images = try IDXFile.open(path, name: "images")
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        var name = path[slash...].replacingOccurrences(of: "images", with: "labels")
            .replacingOccurrences(of: "idx3", with: "idx1")
        if name.hasSuffix(".gz") { name.removeLast(3) }
        let labels = [name, name + ".gz"].map { path[..<slash] + $0 }
            .first { $0 != path && FileManager.default.fileExists(atPath: $0) }
        return SplitFile(
            path, images: images,
            labels: try labels.map { path throws(DatasetError) in try IDXFile.open(path, name: "labels") },
            expected: "'\(name)' in the same folder; give another file with --labels FILE")
    }
}
