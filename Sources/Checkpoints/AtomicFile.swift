import CCrashGuard
import Foundation
import Synchronization

/// Files that appear under their name whole or not at all.
public enum AtomicFile {
    private static let temporaries = Mutex<Set<String>>([])

    /// Has `body` write a temporary file beside the target, brings it to the disk, and gives it the target's name.
    /// A target that is a symbolic link stays one: the file that it leads to is replaced.
    ///
    /// Throws `CheckpointError.targetExists` where there is a file and `overwrite` is false,
    /// `CheckpointError.cannotWrite`, and what `body` throws; the temporary file is then gone.
    public static func write(
        to path: String, overwrite: Bool, _ body: (_ temporary: String) throws -> Void
    ) throws {
        let target = resolved(path)
        let mode = try checkedMode(target, path, overwrite: overwrite)
        let temporary = try makeTemporary(beside: target, for: path)
        do {
            try body(temporary)
            if let mode { chmod(temporary, mode & 0o7777) }
            try synchronize(temporary, path)
            guard rename(temporary, target) == 0 else { throw failure(path) }
            forget(temporary)
            // The name itself is only safe once its folder is.
            try? synchronize((target as NSString).deletingLastPathComponent, path)
        } catch {
            unlink(temporary)
            forget(temporary)
            throw error
        }
    }

    /// Throws what `write` would throw before its body is run: for work that takes long before there is something to
    /// write.
    public static func check(_ path: String, overwrite: Bool) throws {
        let target = resolved(path)
        _ = try checkedMode(target, path, overwrite: overwrite)
        let temporary = try makeTemporary(beside: target, for: path)
        unlink(temporary)
        forget(temporary)
    }

    /// The mode of a file that is to be replaced; nil where there is none.
    private static func checkedMode(_ target: String, _ path: String, overwrite: Bool) throws -> mode_t? {
        var status = stat()
        guard stat(target, &status) == 0 else { return nil }
        if !overwrite { throw CheckpointError.targetExists(path: path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CheckpointError.cannotWrite(path: path, reason: "it is not a regular file")
        }
        return status.st_mode
    }

    /// Deletes every temporary file of this process: for a handler of Ctrl-C, right before the end.
    public static func removeTemporaries() {
        temporaries.withLock { paths in
            for path in paths { unlink(path) }
            paths = []
        }
    }

    /// What handlers of signals and crashes delete.
    private static func note(_ temporary: String) {
        _ = temporaries.withLock { $0.insert(temporary) }
        nc_guard_add_temporary(temporary)
    }

    private static func forget(_ temporary: String) {
        _ = temporaries.withLock { $0.remove(temporary) }
        nc_guard_remove_temporary(temporary)
    }

    private static func makeTemporary(beside target: String, for path: String) throws -> String {
        let folder = (target as NSString).deletingLastPathComponent
        let name = (target as NSString).lastPathComponent
        let random = String(UInt32.random(in: .min ... .max), radix: 36)
        let temporary = "\(folder)/.\(name).normconv-\(getpid())-\(random).tmp"
        // Known to the signal handler before it exists, so that no moment leaves it behind.
        note(temporary)
        let descriptor = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            let error = failure(path)
            forget(temporary)
            throw error
        }
        close(descriptor)
        return temporary
    }

    private static func synchronize(_ file: String, _ path: String) throws {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path) }
    }

    /// The absolute path behind symbolic links; the last component need not exist.
    private static func resolved(_ path: String) -> String {
        if let real = realpath(path, nil) {
            defer { free(real) }
            return String(cString: real)
        }
        if let link = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
            return URL(fileURLWithPath: link, relativeTo: folder).path
        }
        let url = URL(fileURLWithPath: path)
        return url.deletingLastPathComponent().path + "/" + url.lastPathComponent
    }

    private static func failure(_ path: String) -> CheckpointError {
        .cannotWrite(path: path, reason: String(cString: strerror(errno)))
    }
}
