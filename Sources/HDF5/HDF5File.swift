import CHDF5
import Foundation

/// An HDF5 file opened for reading. Everything read from it is checked first: see `HDF5Limits` and the cases of
/// `HDF5Error`. The file closes when its last group or dataset is released.
package final class HDF5File: Sendable {
    /// The path as given.
    package let path: String
    /// The limits for this file.
    package let limits: HDF5Limits
    /// Bytes of the file.
    package let byteCount: Int
    /// The root group.
    package var root: Group {
        Group(file: self, handle: rootHandle, location: location, addresses: [rootAddress])
    }

    let handle: Handle
    let ledger = Ledger()
    /// The position of the file's bytes while it is open. Constant.
    nonisolated(unsafe) let bytes: chdf5_bytes
    /// Of the file when it was opened; nil of one in memory.
    private let stamp: FileStamp?
    private let rootHandle: Handle
    private let rootAddress: UInt64
    private var location: HDF5Location { HDF5Location(file: path) }

    /// Opens a file; it is recognised by its bytes, never by its name.
    package convenience init(reading path: String, limits: HDF5Limits = HDF5Limits()) throws(HDF5Error) {
        let size = try Self.checkFirstBytes(path)
        try self.init(named: path, size: size, limits) { () throws(HDF5Error) in
            try Self.open(path, size: size)
        }
    }

    /// Opens a file whose bytes are in memory, a member of an archive; errors name it `path`.
    package convenience init(
        image: [UInt8], named path: String, limits: HDF5Limits = HDF5Limits()
    ) throws(HDF5Error) {
        guard image.starts(with: Self.signature) else {
            throw .notHDF5(path: path, looksLike: FileKind(firstBytes: Array(image.prefix(512))))
        }
        try self.init(named: path, size: image.count, limits) { () throws(HDF5Error) in
            // The library wants a name that no file has: none is below a file.
            try Self.open(path + "/image", size: image.count) { access in
                _ = H5Pset_fapl_core(access, 1 << 20, false)
                // The library takes a copy, and does not touch this one.
                return image.withUnsafeBytes {
                    H5Pset_file_image(
                        access, UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count)
                }
            }
        }
    }

    private init(
        named path: String, size: Int, _ limits: HDF5Limits, open: () throws(HDF5Error) -> Handle
    ) throws(HDF5Error) {
        self.path = path
        self.limits = limits
        let location = HDF5Location(file: path)
        // Of the file that the library opened: since `size` was seen its name may have gone to another one.
        (handle, bytes, rootHandle, rootAddress) = try Library.locked { () throws(HDF5Error) in
            Library.approach(location)
            let handle = try open()
            var bytes = chdf5_bytes()
            try Library.check(chdf5_find_bytes(handle.id, &bytes), "finding the file's bytes", location)
            let root = try Handle(
                H5Gopen2(handle.id, "/", chdf5_default()), "opening the root group", location
            ) {
                H5Gclose($0)
            }
            return (handle, bytes, root, try ObjectInfo(root, location).address)
        }
        stamp = FileStamp(bytes)
        byteCount = stamp?.size ?? size
    }

    /// Throws `HDF5Error.changed` where the file was written since it was opened: called after values were read, some of
    /// which may be the old ones and some the new, or zeros where a file became shorter. A file whose name went to
    /// another one stays as it was. Called under the library's lock.
    func checkUnchanged() throws(HDF5Error) {
        guard stamp == FileStamp(bytes) else { throw .changed(path: path) }
    }

    /// Fills an array with the file's own bytes at an address; false where they are not all there.
    func read(at address: UInt64, into copy: inout [UInt8]) -> Bool {
        let size = bytes.size - bytes.start
        guard address <= size, copy.count <= size - address else { return false }
        let offset = Int(bytes.start + address)
        guard let memory = bytes.memory else {
            return Self.readFully(bytes.descriptor, &copy, at: offset) == copy.count
        }
        copy.withUnsafeMutableBytes { $0.copyMemory(from: .init(start: memory + offset, count: $0.count)) }
        return true
    }

    private static func open(
        _ path: String, size: Int, _ prepare: (hid_t) -> herr_t = { _ in 0 }
    ) throws(HDF5Error) -> Handle {
        let location = HDF5Location(file: path)
        let access = try Handle.properties(H5Pcreate(chdf5_file_access_class()), location)
        try Library.check(chdf5_disable_locking(access.id), "switching file locks off", location)
        try Library.check(prepare(access.id), "preparing the file", location)
        let id = H5Fopen(path, chdf5_read_only(), access.id)
        if id < 0, let message = Library.errorStack().first(where: { $0.hasPrefix("truncated file") }) {
            let digits = message.components(separatedBy: "stored_eof = ").last?.prefix { $0.isNumber }
            throw .truncated(path: path, found: size, expected: digits.flatMap { Int($0) })
        }
        return try Handle(id, "opening the file", location) { H5Fclose($0) }
    }

    /// Throws with the kind of the file if it is not HDF5, before libhdf5 opens it. Returns its size.
    private static func checkFirstBytes(_ path: String) throws(HDF5Error) -> Int {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw errno == ENOENT
                ? .fileMissing(path: path) : .fileUnreadable(path: path, reason: systemReason())
        }
        defer { Foundation.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .fileUnreadable(path: path, reason: systemReason())
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            throw .fileUnreadable(
                path: path, reason: isFolder ? "it is a folder" : "it is not a regular file")
        }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = readFully(descriptor, &bytes, at: 0)
        guard count >= 0 else { throw .fileUnreadable(path: path, reason: systemReason()) }
        guard count > 0 else { throw .emptyFile(path: path) }
        let size = Int(status.st_size)
        guard hasSignature(descriptor, size: size) else {
            throw .notHDF5(path: path, looksLike: FileKind(firstBytes: Array(bytes.prefix(count))))
        }
        return size
    }

    private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

    /// The signature stands at 0, or after a block of the user's own at 512, 1024, 2048, …
    private static func hasSignature(_ descriptor: Int32, size: Int) -> Bool {
        var bytes = [UInt8](repeating: 0, count: signature.count)
        var offset = 0
        while offset < size {
            if readFully(descriptor, &bytes, at: offset) == bytes.count, bytes == signature {
                return true
            }
            offset = offset == 0 ? 512 : offset * 2
        }
        return false
    }

    /// Fills an array from a place in a file; gives how much of it there was, negative where the system refuses.
    private static func readFully(_ descriptor: Int32, _ bytes: inout [UInt8], at offset: Int) -> Int {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done, off_t(offset + done))
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return count < 0 ? count : done }
            done += count
        }
        return done
    }

    private static func systemReason() -> String { String(cString: strerror(errno)) }
}

/// What changes when a file is written.
private struct FileStamp: Equatable {
    let size: Int
    let seconds: Int
    let nanoseconds: Int

    /// Of an open file; nil if it is none of the file system's.
    init?(_ bytes: chdf5_bytes) {
        var (size, seconds, nanoseconds): (Int64, Int64, Int64) = (0, 0, 0)
        let status = withUnsafePointer(to: bytes) { chdf5_file_stamp($0, &size, &seconds, &nanoseconds) }
        guard status >= 0 else { return nil }
        (self.size, self.seconds, self.nanoseconds) = (Int(size), Int(seconds), Int(nanoseconds))
    }
}

/// What the datasets of a file that were opened so far need in memory, each counted once. Only touched under the
/// library's lock.
final class Ledger: @unchecked Sendable {
    private var total = 0
    private var counted: Set<UInt64> = []

    func add(_ bytes: Int, address: UInt64, limit: Int, _ location: HDF5Location) throws(HDF5Error) {
        guard !counted.contains(address) else { return }
        let (sum, overflow) = total.addingReportingOverflow(bytes)
        if overflow || sum > limit { throw .totalTooLarge(location, limit: limit) }
        total = sum
        counted.insert(address)
    }
}

/// Kind and address of an open object.
struct ObjectInfo {
    let address: UInt64
    let type: H5O_type_t

    init(_ handle: Handle, _ location: HDF5Location) throws(HDF5Error) {
        var address: haddr_t = 0
        var type = H5O_TYPE_UNKNOWN
        try Library.check(
            chdf5_object_info(handle.id, &address, &type), "reading the object's header", location)
        self.address = UInt64(address)
        self.type = type
    }

    var word: String {
        switch type {
        case H5O_TYPE_GROUP: "a group"
        case H5O_TYPE_DATASET: "a dataset"
        case H5O_TYPE_NAMED_DATATYPE: "a named datatype"
        default: "an unknown object"
        }
    }
}
