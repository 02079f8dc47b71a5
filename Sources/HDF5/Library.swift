import CCrashGuard
import CHDF5
import Foundation
import Synchronization

/// libhdf5 as this process uses it: one thread at a time, silent, without plugins.
enum Library {
    private static let mutex = NSRecursiveLock()

    /// Set up once, before the first call. Without its own exit handler the library does not wait for a file that
    /// could not be flushed (a full disk), nor run while another thread is inside it.
    private static let ready: Bool = {
        setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1)
        H5dont_atexit()
        guard H5open() >= 0 else { return false }
        // A file may name a filter plugin, which is a shared library that would be loaded and run.
        return H5PLset_loading_state(0) >= 0
    }()

    /// Runs `body` while no other thread is inside libhdf5, whose usual build has no locks of its own.
    static func locked<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result
    {
        mutex.lock()
        nc_guard_enter("libhdf5")
        defer {
            nc_guard_leave()
            mutex.unlock()
        }
        _ = ready
        _ = chdf5_silence()
        return try body()
    }

    /// Records the object that libhdf5 reads next, for the message of a crash on a damaged file.
    static func approach(_ location: HDF5Location) { nc_guard_place(location.description) }

    /// Whether the library would load a filter plugin that a file names.
    static var loadsPlugins: Bool {
        locked {
            var mask: UInt32 = 0
            return H5PLget_loading_state(&mask) < 0 || mask != 0
        }
    }

    /// The choke point: a negative status becomes an error that names the object, what was tried on it, and the
    /// library's own reason. Called inside `locked`, right after the call that gave the status.
    @discardableResult
    static func check<Status: SignedInteger>(
        _ status: Status, _ action: String, _ location: HDF5Location
    ) throws(HDF5Error) -> Status {
        if status >= 0 { return status }
        let reasons = errorStack()
        if let reason = reasons.lazy.compactMap(systemError).first {
            throw .systemFailure(location, action: action, reason: reason)
        }
        nc_guard_suspect()
        throw .libraryFailure(location, action: action, reason: reasons.first ?? "unknown reason")
    }

    /// The messages of the library's error stack, the cause first.
    static func errorStack() -> [String] {
        final class Messages { var list: [String] = [] }
        let messages = Messages()
        _ = chdf5_walk_errors(
            { _, error, context in
                guard let context, let text = error?.pointee.desc else { return 0 }
                Unmanaged<Messages>.fromOpaque(context).takeUnretainedValue().list.append(
                    String(cString: text))
                return 0
            }, Unmanaged.passUnretained(messages).toOpaque())
        return messages.list
    }

    /// The words of the operating system in a message of the file driver: `file write failed: …, errno = 28, error
    /// message = 'No space left on device', …`.
    private static func systemError(_ message: String) -> String? {
        guard let start = message.range(of: "errno = ") else { return nil }
        let digits = message[start.upperBound...].prefix { $0.isNumber }
        return Int32(digits).flatMap { $0 == 0 ? nil : String(cString: strerror($0)) }
    }
}

/// Owns one `hid_t`. Closes it when it is released.
final class Handle: Sendable {
    let id: hid_t
    private let close: @Sendable (hid_t) -> herr_t
    private let isClosed = Mutex(false)

    /// Takes over an identifier that a library call returned; throws where that is negative.
    init(
        _ id: hid_t, _ action: String, _ location: HDF5Location, close: @escaping @Sendable (hid_t) -> herr_t
    ) throws(HDF5Error) {
        self.id = try Library.check(id, action, location)
        self.close = close
    }

    deinit {
        if !isClosed.withLock({ $0 }) { Library.locked { _ = close(id) } }
    }

    /// Closes the identifier and throws if that fails. It must not be used afterwards.
    func closeNow(_ action: String, _ location: HDF5Location) throws(HDF5Error) {
        isClosed.withLock { $0 = true }
        try Library.check(close(id), action, location)
    }
}

extension Handle {
    static func type(_ id: hid_t, _ location: HDF5Location) throws(HDF5Error) -> Handle {
        try Handle(id, "reading the type", location) { H5Tclose($0) }
    }

    static func space(_ id: hid_t, _ location: HDF5Location) throws(HDF5Error) -> Handle {
        try Handle(id, "reading the shape", location) { H5Sclose($0) }
    }

    static func properties(_ id: hid_t, _ location: HDF5Location) throws(HDF5Error) -> Handle {
        try Handle(id, "reading the properties", location) { H5Pclose($0) }
    }

    static func attribute(_ id: hid_t, _ name: String, _ location: HDF5Location) throws(HDF5Error) -> Handle {
        try Handle(id, "opening attribute '\(name)'", location) { H5Aclose($0) }
    }
}
