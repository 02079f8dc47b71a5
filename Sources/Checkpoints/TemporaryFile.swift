import CCrashGuard
import Foundation

/// A file that is written next to its target as `.TARGET.normconv-PROCESS-RANDOM.tmp`. For as long
/// as it is there its process holds a lock on it (`flock`), which the system takes back however the process ends: a
/// temporary file that can be locked is what a killed run left.
struct TemporaryFile: ~Copyable {
    /// Where it is.
    let path: String
    private let descriptor: Int32

    /// Makes an empty file, and deletes what killed runs left for the same target. `path` is the output that errors
    /// name.
    init(beside target: String, for path: String) throws(CheckpointError) {
        let folder = (target as NSString).deletingLastPathComponent
        let prefix = Self.prefix(of: (target as NSString).lastPathComponent)
        Self.removeLeftovers(in: folder, prefix)
        while true {
            let random = String(UInt32.random(in: .min ... .max), radix: 36)
            let temporary = "\(folder)/\(prefix)\(getpid())-\(random).tmp"
            let descriptor = nc_guard_create_temporary(temporary)
            guard descriptor >= 0 else { throw .systemFailure(path) }
            // Without locks, leftover files cannot be recognized and stay.
            while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
            var status = stat()
            if fstat(descriptor, &status) == 0, status.st_nlink > 0 {
                (self.path, self.descriptor) = (temporary, descriptor)
                return
            }
            // Another run took it for a leftover between the two calls.
            nc_guard_delete_temporary(temporary)
            close(descriptor)
        }
    }

    /// Deletes the file, if it has not been renamed, and gives the lock back.
    deinit {
        nc_guard_delete_temporary(path)
        close(descriptor)
    }

    /// How the names of a target's temporary files begin. Long names are cut: the system allows 255 bytes.
    private static func prefix(of name: String) -> String {
        var start = name[...]
        while start.utf8.count > 200 { start.removeLast() }
        return ".\(start).normconv-"
    }

    /// Deletes files without a lock.
    private static func removeLeftovers(in folder: String, _ prefix: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasPrefix(prefix) && isOurs(name.dropFirst(prefix.count)) {
            let path = "\(folder)/\(name)"
            let descriptor = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
            close(descriptor)
        }
    }

    /// Whether the rest of a name is `PROCESS-RANDOM.tmp`.
    private static func isOurs(_ rest: Substring) -> Bool {
        let parts = rest.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, Int32(parts[0]) != nil, parts[1].hasSuffix(".tmp") else { return false }
        return UInt32(parts[1].dropLast(4), radix: 36) != nil
    }
}
