/// Reads gzip files (RFC 1952) of one member or several.
package enum GzipFile {
    /// Whether bytes begin as a gzip file does.
    package static func isGzip(_ start: some Sequence<UInt8>) -> Bool { start.starts(with: [0x1F, 0x8B]) }

    /// The inflated content, which `size` tells from its first 64 bytes, so that nothing is allocated that a header
    /// does not announce and the stored bytes cannot hold. `size` may refuse.
    package static func read<Failure: Error>(
        path: String, size: (_ start: [UInt8]) throws(Failure) -> Int
    ) throws -> [UInt8] {
        let file = try RandomAccessFile(path: path)
        let stored = try file.read(at: 0, count: file.size)
        let start = try inflate(stored, from: path, count: 64, isWhole: false)
        let expected = try size(start)
        let limit = stored.count * ZipArchive.Limits.expansion + ZipArchive.Limits.allowance
        guard expected <= limit else {
            throw ArchiveError.expandsTooMuch(file: path, member: "gzip", found: expected, limit: limit)
        }
        return try inflate(stored, from: path, count: expected, isWhole: true)
    }

    /// The first `count` bytes of the content; all of them where it is to be whole.
    private static func inflate(
        _ stored: [UInt8], from path: String, count: Int, isWhole: Bool
    ) throws(ArchiveError) -> [UInt8] {
        // One byte more shows content that is longer than announced.
        var content = [UInt8](repeating: 0, count: isWhole ? count + 1 : count)
        var inflater = Inflater(.gzip)
        var (taken, made) = (0, 0)
        while made < content.count {
            let step = stored.withUnsafeBytes { input in
                content.withUnsafeMutableBytes { output in
                    inflater.step(
                        .init(rebasing: input[taken..<min(taken + 1 << 30, input.count)]),
                        into: .init(rebasing: output[made..<min(made + 1 << 30, output.count)]))
                }
            }
            (taken, made) = (taken + step.taken, made + step.made)
            if case .damaged = step.status { throw .damagedStream(file: path, member: "gzip") }
            if case .finished = step.status {
                guard taken < stored.count else { break }
                inflater = Inflater(.gzip)
            } else if step.taken == 0, step.made == 0 {
                throw .truncated(file: path, offset: taken, expected: 1)
            }
        }
        guard !isWhole || made == count else {
            throw .wrongSize(
                file: path, member: "gzip", found: made, expected: count)
        }
        return Array(content.prefix(min(made, count)))
    }
}
