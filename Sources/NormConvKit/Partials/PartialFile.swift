import Archives
import Evaluation
import Foundation

/// Reads a partial result: lines of JSON, each `["checksum",object]`; first a header, then blocks. The checksum is that of
/// the object's bytes. An incomplete last line of a killed run is ignored.
struct PartialFile: Sendable {
    let path: String
    let header: PartialHeader
    let blocks: [ScoredBlock]
    /// Bytes of the whole lines.
    let length: Int

    /// Reads a file.
    init(path: String) throws {
        try self.init(path: path, data: Self.contents(path))
    }

    /// All bytes of a file. Throws `ArchiveError`.
    static func contents(_ path: String) throws -> Data {
        let file = try RandomAccessFile(path: path)
        return Data(try file.read(at: 0, count: file.size))
    }

    init(path: String, data: Data) throws {
        self.path = path
        var lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // The rest after the last line end is an incomplete line.
        lines.removeLast()
        guard let first = lines.first else {
            throw PartialError.notPartial(file: path, reason: "no whole line")
        }
        struct Form: Decodable { let normconvPartial: Int }
        guard let object = Self.object(first), let form = try? JSONDecoder().decode(Form.self, from: object)
        else { throw PartialError.notPartial(file: path, reason: "no header with its checksum") }
        guard form.normconvPartial == PartialHeader.format else {
            throw PartialError.otherFormat(
                file: path, found: form.normconvPartial, expected: PartialHeader.format)
        }
        guard let header = try? JSONDecoder().decode(PartialHeader.self, from: object), header.isSound else {
            throw PartialError.damaged(file: path, line: 1)
        }
        let images = header.shard.images(of: header.run.images)
        let networks = header.run.networks.count
        var (blocks, length) = ([ScoredBlock](), first.count + 1)
        for (index, line) in lines.enumerated().dropFirst() {
            guard
                let block = Self.object(line).flatMap({
                    try? JSONDecoder().decode(ScoredBlock.self, from: $0)
                })
            else {
                // Only the last line can be damaged: after a power failure, a file system may have kept only its end.
                if index == lines.count - 1 { break }
                throw PartialError.damaged(file: path, line: index + 1)
            }
            guard block.isSound(within: images, networks: networks) else {
                throw PartialError.damaged(file: path, line: index + 1)
            }
            blocks.append(block)
            length += line.count + 1
        }
        if let index = Self.repeated(blocks) { throw PartialError.damaged(file: path, line: index + 2) }
        (self.header, self.blocks, self.length) = (header, blocks, length)
    }

    /// The index of a block with images that another block has too.
    private static func repeated(_ blocks: [ScoredBlock]) -> Int? {
        let ordered = blocks.indices.sorted { (blocks[$0].first, $0) < (blocks[$1].first, $1) }
        return zip(ordered, ordered.dropFirst()).first {
            blocks[$0].images.upperBound > blocks[$1].first
        }?.1
    }

    /// Number of scored images.
    var done: Int { blocks.reduce(0) { $0 + $1.labels.count } }

    /// A line with its checksum and line end.
    static func line(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let object = try encoder.encode(value)
        return Data("[\"\(Digest.text(of: object))\",".utf8) + object + Data("]\n".utf8)
    }

    /// The object of a line; nil unless its checksum fits.
    private static func object(_ line: Data) -> Data? {
        // ["0123456789abcdef",object]
        guard line.count > 21 else { return nil }
        let object = line.dropFirst(20).dropLast()
        let start = "[\"\(Digest.text(of: object))\","
        return line.prefix(20).elementsEqual(start.utf8) && line.last == UInt8(ascii: "]")
            ? Data(object) : nil
    }
}

extension PartialHeader {
    /// Whether its numbers are in range.
    fileprivate var isSound: Bool {
        run.images > 0 && !networks.isEmpty && networks.count == run.networks.count
            && run.networks.allSatisfy { $0.classes >= 2 && $0.classes < 1 << 30 }
            && (run.baseline.map { run.networks.indices.contains($0) } ?? true)
            && run.images < 1 << 40
    }
}

extension ScoredBlock {
    fileprivate func isSound(within images: Range<Int>, networks count: Int) -> Bool {
        let size = labels.count
        return first >= images.lowerBound && first <= images.upperBound && size <= images.upperBound - first
            && networks.count == count && networks.allSatisfy { $0.outcomes.count == size }
            && (files.map { $0.count == size } ?? true)
            && networks.allSatisfy { $0.seconds >= 0 && $0.seconds.isFinite }
    }
}
