import Archives
import Datasets
import Foundation
import Threads

extension Split {
    /// A checksum of what is in it: of arrays all pixels and labels; of image files the labels, names, sizes and times of change.
    /// Reading every file would take as long as a pass of the training.
    func contentChecksum() throws -> String {
        var digest = Digest()
        digest.add([count] + shape.extents + (labels ?? []))
        digest.add((classNames ?? []).joined(separator: "\n"))
        if let files {
            for file in files {
                digest.add(URL(fileURLWithPath: file).lastPathComponent)
                var status = stat()
                let isThere = stat(file, &status) == 0
                let changed = status.lastChange
                digest.add(isThere ? [Int(status.st_size), changed.tv_sec, changed.tv_nsec] : [-1])
            }
            return digest.text
        }
        let most = max((1 << 22) / max(shape.count, 1), 1)
        for start in stride(from: 0, to: count, by: most) {
            try Cancellation.check()
            let pixels = try read(start..<min(start + most, count), preprocessing: .raw)
            pixels.withUnsafeBytes { digest.add($0) }
        }
        return digest.text
    }
}
