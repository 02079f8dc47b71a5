import Archives
import Foundation

/// The second name of a file, `NAME.bak`, that another one is about to replace.
package struct Backup {
    /// The second name.
    package let path: String
    private let target: String
    /// False where an earlier run has made the name for the same file, and was killed before it replaced the file.
    private let isNew: Bool
    /// Held until the file is replaced.
    private let lock: FileLock

    /// The name with `.bak`; of a symbolic link, that of the file that it leads to.
    package static func path(of file: String) -> String {
        var status = stat()
        let isLink = lstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
        return (isLink ? AtomicFile.resolved(file) : file) + ".bak"
    }

    /// Throws `CheckpointError.backupExists` where another file has the second name: it may be the only original.
    package static func check(_ file: String) throws(CheckpointError) {
        let path = path(of: file)
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard isSame(path, AtomicFile.resolved(file)) else {
            throw .backupExists(path: file, backup: path)
        }
    }

    /// Creates a hard link to a file and syncs it; a copy if the file system has no hard links.
    package init(of file: String) throws {
        (path, target) = (Self.path(of: file), AtomicFile.resolved(file))
        lock = try FileLock(target, named: file)
        try Self.check(file)
        if link(target, path) == 0 {
            isNew = true
        } else if errno == EEXIST {
            // Another run may have made it since the check.
            try Self.check(file)
            isNew = false
        } else {
            try Self.copy(target, to: path)
            isNew = true
        }
        for name in [target, (target as NSString).deletingLastPathComponent] {
            let descriptor = open(name, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            fsync(descriptor)
            close(descriptor)
        }
    }

    /// Removes the hard link if the file still has its first name.
    package func remove() {
        guard isNew, FileManager.default.fileExists(atPath: target) else { return }
        unlink(path)
    }

    /// Writes the bytes and the mode of a file into a new one.
    static func copy(_ file: String, to path: String) throws {
        let source = try RandomAccessFile(path: file)
        try AtomicFile.write(to: path, overwrite: false) { temporary in
            let copy = try FileOutput(path: temporary, named: path)
            var position = 0
            while position < source.size {
                let part = min(source.size - position, 1 << 24)
                try copy.write(try source.read(at: position, count: part))
                position += part
            }
            try copy.close()
        }
        var status = stat()
        if stat(file, &status) == 0 { chmod(path, status.st_mode & 0o7777) }
    }

    /// Whether both names are one file's own, and neither is a symbolic link.
    private static func isSame(_ first: String, _ second: String) -> Bool {
        var (a, b) = (stat(), stat())
        guard lstat(first, &a) == 0, lstat(second, &b) == 0 else { return false }
        return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_mode & S_IFMT == S_IFREG
    }
}

/// Keeps other runs from replacing a file in place: of two, each would rely on the other's backup.
private final class FileLock: Sendable {
    private let descriptor: Int32

    /// Throws `CheckpointError.cannotWrite` if another run holds the file, or has replaced it just now.
    init(_ path: String, named name: String) throws(CheckpointError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .cannotWrite(path: name, reason: String(cString: strerror(errno)))
        }
        // Some file systems have no locks.
        let isHeld = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
        var (opened, named) = (stat(), stat())
        let isSame =
            fstat(descriptor, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev
            && opened.st_ino == named.st_ino
        guard !isHeld, isSame else {
            throw .cannotWrite(path: name, reason: "another run is replacing it; try again when it has ended")
        }
    }

    deinit { close(descriptor) }
}
