import Archives

/// A checksum of 64 bits, FNV-1a. It detects different files, but not forgeries.
struct Digest: Sendable {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Adds bytes.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var value = value
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        self.value = value
    }

    /// Adds text and a terminator.
    mutating func add(_ text: String) {
        Array(text.utf8 + [0]).withUnsafeBytes { add($0) }
    }

    /// Adds numbers, little-endian.
    mutating func add(_ numbers: [Int]) {
        numbers.map { Int64($0).littleEndian }.withUnsafeBytes { add($0) }
    }

    /// Sixteen hexadecimal digits.
    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The checksum of bytes, as text.
    static func text(of bytes: some Sequence<UInt8>) -> String {
        var digest = Digest()
        Array(bytes).withUnsafeBytes { digest.add($0) }
        return digest.text
    }

    /// The size of files and the checksum of what is in them, one after another.
    static func files(_ paths: [String]) throws -> (bytes: Int, text: String) {
        var digest = Digest()
        var size = 0
        for path in paths {
            let file = try RandomAccessFile(path: path)
            for start in stride(from: 0, to: file.size, by: 1 << 20) {
                try file.read(at: start, count: min(1 << 20, file.size - start)).withUnsafeBytes {
                    digest.add($0)
                }
            }
            size += file.size
        }
        return (size, digest.text)
    }
}

extension [Model] {
    /// The SHA-256 of each network's file, which is read once where it is there twice; of an index and its shards, one
    /// after another, where it is in several files.
    func checksums() throws -> [String] {
        var known: [String: String] = [:]
        return try map { model in
            if let checksum = known[model.path] { return checksum }
            let checksum = try SHA256.text(ofFiles: model.checkpoint.files)
            known[model.path] = checksum
            return checksum
        }
    }
}
