import Archives

/// The bytes of pickles, in memory or in a file, read from front to back.
///
/// A file is read in small pieces. Values of bytes, such as the numbers of an array, stay in the file until they are
/// asked for.
struct PickleReader {
    /// Bytes of text that a reader keeps in memory: a network of a million tensors has fewer.
    static let textLimit = 256 << 20
    private static let windowSize = 64 << 10

    /// The file, for errors.
    let path: String
    private let source: PickleBytes.Source
    private let end: Int
    /// A piece of the source, and where in it that begins.
    private var window: [UInt8]
    private var windowStart = 0
    private var textBytes = 0

    /// The place of the next byte.
    private(set) var position = 0
    /// Bytes of the file that the pickle stands in, which its opcodes are counted against.
    let storedSize: Int

    /// A pickle in memory, such as a member of an archive of `storedSize` bytes; `path` is named in errors.
    init(_ bytes: [UInt8], path: String, storedSize: Int? = nil) {
        (self.path, source, end, window) = (path, .memory(bytes), bytes.count, bytes)
        self.storedSize = storedSize ?? bytes.count
    }

    /// Pickles from the beginning of a file on.
    init(_ file: RandomAccessFile) {
        (path, source, end, window) = (file.path, .file(file), file.size, [])
        storedSize = file.size
    }

    /// The next byte. Throws `PickleError.truncated` at the end.
    mutating func byte() throws -> UInt8 {
        if position - windowStart >= window.count { try move() }
        position += 1
        return window[position - 1 - windowStart]
    }

    /// The next bytes, in memory.
    mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        try check(count)
        guard count > windowStart + window.count - position else {
            position += count
            return window[position - count - windowStart..<position - windowStart]
        }
        let (sum, overflow) = textBytes.addingReportingOverflow(count)
        guard !overflow, sum <= Self.textLimit else {
            throw PickleError.tooMany(path: path, object: "bytes of text", limit: Self.textLimit)
        }
        textBytes = sum
        let bytes = try PickleBytes(source: source, range: position..<position + count).read()
        position += count
        return bytes[...]
    }

    /// The next bytes, which stay where they are.
    mutating func skip(_ count: Int) throws -> PickleBytes {
        try check(count)
        position += count
        return PickleBytes(source: source, range: position - count..<position)
    }

    private func check(_ count: Int) throws {
        guard count >= 0, count <= end - position else { throw PickleError.truncated(path: path, at: end) }
    }

    private mutating func move() throws {
        guard position < end else { throw PickleError.truncated(path: path, at: end) }
        let range = position..<min(end, position + Self.windowSize)
        (window, windowStart) = (try PickleBytes(source: source, range: range).read(), position)
    }
}

/// Bytes of a pickle that are read when they are asked for.
struct PickleBytes: Sendable {
    /// What they are a part of.
    enum Source: Sendable {
        case memory([UInt8])
        case file(RandomAccessFile)
    }

    let source: Source
    let range: Range<Int>

    /// Bytes in memory.
    init(_ bytes: [UInt8]) { self.init(source: .memory(bytes), range: bytes.indices) }

    init(source: Source, range: Range<Int>) { (self.source, self.range) = (source, range) }

    /// The number of bytes.
    var count: Int { range.count }

    /// A part of the bytes, by places from 0 on; all of them by default.
    func read(_ part: Range<Int>? = nil) throws -> [UInt8] {
        let part = part ?? 0..<count
        let place = range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound
        switch source {
        case .memory(let bytes): return Array(bytes[place])
        case .file(let file): return try file.read(at: place.lowerBound, count: place.count)
        }
    }
}
