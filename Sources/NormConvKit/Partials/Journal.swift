import Foundation
import Synchronization

/// Options of a partial result.
package struct PartialOptions: Sendable {
    /// The file.
    package var path: String
    /// The shard to score.
    package var shard = Shard.whole
    /// What to do with a file that is there.
    package var beginning = Beginning.new
    /// The configuration that the networks were opened with, if any.
    package var architecture: String?

    /// What to do with a file that is there.
    package enum Beginning: Sendable {
        /// Refuse it.
        case new
        /// Overwrite it.
        case overwriting
        /// Continue it.
        case resuming
    }

    /// The whole split, into a new file.
    package init(path: String) { self.path = path }
}

/// Writes a partial result. Lines are appended while images are scored, so that a killed run loses only the current
/// block.
final class Journal: Sendable {
    let path: String
    /// The contents when it was opened.
    let blocks: [ScoredBlock]
    private let descriptor: Int32
    /// The first failure of an append, after which there are no others: the file ends behind the block before.
    private let failed = Mutex<PartialError?>(nil)

    /// Opens a file and locks it for one run. Throws `PartialError` if it belongs to another run than `header`; then the file
    /// is not changed.
    init(path: String, header: PartialHeader, _ beginning: PartialOptions.Beginning) throws {
        self.path = path
        let descriptor = open(
            path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (beginning == .new ? O_EXCL : 0), 0o666)
        guard descriptor >= 0 else { throw Self.failure(path) }
        do {
            // Some file systems have no locks.
            if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
                throw PartialError.inUse(file: path)
            }
            let found =
                beginning == .resuming
                ? try Self.contents(path, header) : (blocks: [ScoredBlock](), length: 0)
            blocks = found.blocks
            guard ftruncate(descriptor, off_t(found.length)) == 0 else { throw Self.failure(path) }
            if found.length == 0 { try Self.write(PartialFile.line(header), to: descriptor, path) }
        } catch PartialError.inUse(let file) {
            // The lock is another's.
            close(descriptor)
            throw PartialError.inUse(file: file)
        } catch {
            Self.release(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    /// Opens a file for a job.
    convenience init(job: ScoringJob, _ options: PartialOptions) throws {
        let header = try PartialHeader(job, shard: options.shard, architecture: options.architecture)
        try self.init(path: options.path, header: header, options.beginning)
    }

    deinit { Self.release(descriptor) }

    /// Unlocks before it closes: a process that is just being started holds a copy of the descriptor for a moment, and the
    /// lock with it.
    private static func release(_ descriptor: Int32) {
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Appends a block as one line.
    func append(_ block: ScoredBlock) throws {
        let line = try PartialFile.line(block)
        try failed.withLock { failure in
            if let failure { throw failure }
            let end = lseek(descriptor, 0, SEEK_END)
            do {
                try Self.write(line, to: descriptor, path)
            } catch {
                // No line may follow a part of one.
                failure = error as? PartialError
                ftruncate(descriptor, end)
                throw error
            }
        }
    }

    /// Writes everything to the disk.
    func finish() throws {
        while fsync(descriptor) != 0 {
            guard errno == EINTR else { throw Self.failure(path) }
        }
    }

    /// The run's blocks in a file, and their length in bytes.
    private static func contents(
        _ path: String, _ header: PartialHeader
    ) throws -> (blocks: [ScoredBlock], length: Int) {
        let data = try PartialFile.contents(path)
        // The run was killed before the first line was complete.
        let start = try PartialFile.line(header)
        if data.count < start.count, start.starts(with: data) { return ([], 0) }
        let file = try PartialFile(path: path, data: data)
        if let (what, found, expected) = file.header.difference(from: header) {
            throw PartialError.mixed(
                file: path, what: what, found: found, expected: expected, from: "this run")
        }
        guard file.header.shard == header.shard else {
            throw PartialError.otherShard(file: path, found: file.header.shard, expected: header.shard)
        }
        return (file.blocks, file.length)
    }

    private static func write(_ line: Data, to descriptor: Int32, _ path: String) throws {
        var rest = line[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure(path) }
            rest = rest.dropFirst(written)
        }
    }

    private static func failure(_ path: String) -> PartialError {
        let reason =
            errno == EEXIST
            ? "exists; --resume goes on with it, --force writes it anew" : String(cString: strerror(errno))
        return .unusable(file: path, reason: reason)
    }
}
