import Foundation

/// A regular file open for reading at any offset, from any thread.
package final class RandomAccessFile: Sendable {
    /// The path as given.
    package let path: String
    /// Bytes in the file when it was opened.
    package let size: Int
    private let descriptor: Int32
    private let changed: timespec

    /// Opens a file; anything that is no regular file is refused.
    package init(path: String) throws(ArchiveError) {
        // Without O_NONBLOCK a named pipe would block here until another process opens it.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw .unreadable(file: path, reason: String(cString: strerror(errno)))
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .unreadable(file: path, reason: "not a regular file")
        }
        self.path = path
        self.size = Int(status.st_size)
        self.descriptor = descriptor
        changed = status.lastChange
    }

    deinit { close(descriptor) }

    /// The `count` bytes from `offset` on. Checks them against the file's size before it allocates.
    ///
    /// Throws `ArchiveError.changed` where the file was written since it was opened: some bytes may be the old ones and
    /// some the new. A file whose name went to another one stays as it was.
    package func read(at offset: Int, count: Int) throws(ArchiveError) -> [UInt8] {
        guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
            throw .truncated(file: path, offset: offset, expected: count)
        }
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let read = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
            }
            if read < 0, errno == EINTR { continue }
            guard read >= 0 else { throw .unreadable(file: path, reason: String(cString: strerror(errno))) }
            if read == 0 { try checkUnchanged() }
            guard read > 0 else { throw .truncated(file: path, offset: offset, expected: count) }
            done += read
        }
        try checkUnchanged()
        return bytes
    }

    /// The first bytes of a file, at most `count`; none if it cannot be read, which the next open reports.
    package static func firstBytes(_ count: Int, of path: String) -> [UInt8] {
        guard let file = try? RandomAccessFile(path: path) else { return [] }
        return (try? file.read(at: 0, count: min(file.size, count))) ?? []
    }

    private func checkUnchanged() throws(ArchiveError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable(file: path, reason: String(cString: strerror(errno)))
        }
        let now = status.lastChange
        guard Int(status.st_size) == size, now.tv_sec == changed.tv_sec, now.tv_nsec == changed.tv_nsec else {
            throw .changed(file: path)
        }
    }
}

extension stat {
    /// When the file was last written.
    package var lastChange: timespec {
        #if canImport(Darwin)
            st_mtimespec
        #else
            st_mtim
        #endif
    }
}

extension [UInt8] {
    /// The little-endian integer at an offset, which the caller has checked.
    func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
        withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: type)) }
    }
}
