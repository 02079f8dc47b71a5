import Archives
import CCrashGuard
import Foundation

/// Files that appear under their name whole or not at all.
package enum AtomicFile {
    /// Lets `body` write a temporary file next to the target, syncs it, and renames it to the target.
    /// A target that is a symbolic link stays one: the file that it leads to is replaced. What runs that were killed
    /// left beside the target is deleted.
    ///
    /// Throws `CheckpointError.targetExists` where there is a file and `overwrite` is false, also one that has come
    /// while `body` was at work; `CheckpointError.cannotWrite`, and what `body` throws. The temporary file is then
    /// gone.
    package static func write(
        to path: String, overwrite: Bool, _ body: (_ temporary: String) throws -> Void
    ) throws {
        let target = resolved(path)
        let mode = try checkedMode(target, path, overwrite: overwrite)
        // The temporary file is deleted after this, whatever happens.
        do {
            let temporary = try TemporaryFile(beside: target, for: path)
            try body(temporary.path)
            if let mode { chmod(temporary.path, mode & 0o7777) }
            try synchronize(temporary.path, path)
            try rename(temporary.path, to: target, path, overwrite: overwrite)
        }
        // The name itself is only safe once its folder is.
        try? synchronize((target as NSString).deletingLastPathComponent, path)
    }

    /// Lets `body` write temporary files next to several targets, and renames them when all are whole: the last target
    /// first. A run that is ended in between leaves the first target as it was; the others belong to it and mean nothing
    /// without it.
    ///
    /// Throws what `write` throws for one target.
    package static func write(
        toAll paths: [String], overwrite: Bool, _ body: (_ temporaries: [String]) throws -> Void
    ) throws {
        guard let path = paths.first else { return try body([]) }
        try write(to: path, overwrite: overwrite) { temporary in
            try write(toAll: Array(paths.dropFirst()), overwrite: overwrite) { try body([temporary] + $0) }
        }
    }

    /// Writes data in the same way.
    package static func write(_ data: Data, to path: String, overwrite: Bool) throws {
        try write(to: path, overwrite: overwrite) { temporary in
            let file = try FileOutput(path: temporary, named: path)
            try file.write([UInt8](data))
            try file.close()
        }
    }

    /// Throws what `write` would throw before its body is run: for work that takes long before there is something to
    /// write.
    package static func check(_ path: String, overwrite: Bool) throws {
        let target = resolved(path)
        _ = try checkedMode(target, path, overwrite: overwrite)
        _ = try TemporaryFile(beside: target, for: path)
    }

    /// Deletes every temporary file of this process and ends it, with `last` in between: for a handler of Ctrl-C. Threads
    /// that are writing come no further.
    package static func exitRemovingTemporaries(_ code: Int32, _ last: () -> Void) -> Never {
        nc_guard_delete_temporaries_for_good()
        last()
        _exit(code)
    }

    /// The mode of a file that is to be replaced; nil if there is none.
    private static func checkedMode(_ target: String, _ path: String, overwrite: Bool) throws -> mode_t? {
        var status = stat()
        guard stat(target, &status) == 0 else { return nil }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            throw CheckpointError.cannotWrite(
                path: path, reason: isFolder ? "it is a folder" : "it is not a regular file")
        }
        if !overwrite { throw CheckpointError.targetExists(path: path) }
        return status.st_mode
    }

    private static func rename(
        _ temporary: String, to target: String, _ path: String, overwrite: Bool
    ) throws(CheckpointError) {
        if !overwrite {
            // A second name, which never takes another file's place as `rename` would; the first one is deleted.
            if link(temporary, target) == 0 { return }
            if errno == EEXIST { throw .targetExists(path: path) }
            // Not every file system has second names.
        }
        guard Foundation.rename(temporary, target) == 0 else { throw .systemFailure(path) }
    }

    private static func synchronize(_ file: String, _ path: String) throws(CheckpointError) {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .systemFailure(path) }
        defer { close(descriptor) }
        while fsync(descriptor) != 0 {
            guard errno == EINTR else { throw .systemFailure(path) }
        }
    }

    /// The file that would be written: the absolute path behind symbolic links, whose last component need not exist.
    package static func resolved(_ path: String) -> String {
        if let real = realpath(path, nil) {
            defer { free(real) }
            return String(cString: real)
        }
        if let link = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
            return URL(fileURLWithPath: link, relativeTo: folder).path
        }
        let url = URL(fileURLWithPath: path)
        return url.deletingLastPathComponent().resolvingSymlinksInPath().path + "/" + url.lastPathComponent
    }
}

extension CheckpointError {
    /// The last system error, for the output `path`.
    static func systemFailure(_ path: String) -> CheckpointError {
        .cannotWrite(path: path, reason: String(cString: strerror(errno)))
    }
}
