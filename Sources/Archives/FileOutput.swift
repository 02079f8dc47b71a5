import CCrashGuard
import Foundation

/// A file written from its beginning to its end.
package final class FileOutput {
    /// The path as errors name it.
    private let name: String
    private var descriptor: Int32
    /// Bytes written so far.
    package private(set) var count = 0

    /// Opens a file for writing and empties it. Errors name it `name`, which it will have in the end.
    package init(path: String, named name: String) throws(ArchiveError) {
        self.name = name
        descriptor = nc_guard_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure }
    }

    deinit { if descriptor >= 0 { Foundation.close(descriptor) } }

    /// Appends bytes.
    package func write(_ bytes: [UInt8]) throws(ArchiveError) {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure }
            done += written
        }
        count += bytes.count
    }

    /// Closes the file. Some file systems report only now that they are full.
    package func close() throws(ArchiveError) {
        let status = Foundation.close(descriptor)
        descriptor = -1
        guard status == 0 else { throw failure }
    }

    private var failure: ArchiveError {
        .unwritable(file: name, reason: String(cString: strerror(errno)))
    }
}
