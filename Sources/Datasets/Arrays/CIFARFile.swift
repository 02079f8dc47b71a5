import Archives
import Foundation

extension SplitFile {
    /// CIFAR's binary files: a record for each image, of the label (CIFAR-100: the coarse one, then the fine one, which
    /// is taken) and 32×32 values of red, of green and of blue. Names of the classes come from the text file beside it.
    static func openCIFAR(_ path: String) throws(DatasetError) -> SplitFile {
        let file = try archiveResult { () throws(ArchiveError) in try RandomAccessFile(path: path) }
        let pixels = 3 * 32 * 32
        guard file.size > 0, let labelBytes = [1, 2].first(where: { file.size % (pixels + $0) == 0 }) else {
            throw .malformedFile(
                file: path, format: "CIFAR", found: "\(file.size) bytes",
                expected: "a multiple of 3073 (CIFAR-10) or 3074 (CIFAR-100)")
        }
        let record = pixels + labelBytes
        let count = file.size / record
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        let classes = labelBytes == 1 ? 10 : 100
        let names = names(folder + (labelBytes == 1 ? "batches.meta.txt" : "fine_label_names.txt"))
        return SplitFile(
            path,
            images: RawArray(
                name: "images", shape: [count, 3, 32, 32], storage: .file(file), offset: labelBytes,
                stride: record),
            labels: RawArray(
                name: "labels", shape: [count], storage: .file(file), offset: labelBytes - 1, stride: record),
            classNames: names?.count == classes ? names : (0..<classes).map(String.init))
    }

    private static func names(_ path: String) -> [String]? {
        guard let file = try? RandomAccessFile(path: path), file.size < 1 << 16,
            let bytes = try? file.read(at: 0, count: file.size)
        else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }
}
