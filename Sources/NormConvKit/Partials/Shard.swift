/// A part of a split: consecutive images. Every image is in exactly one part, and sizes differ by at most one image.
package struct Shard: Sendable, Equatable, Hashable, Codable, CustomStringConvertible {
    /// The number of the part, from 1.
    package let index: Int
    /// The number of parts.
    package let count: Int

    /// The whole split.
    package static let whole = Shard(unchecked: 1, of: 1)

    /// Nil unless 1 ≤ index ≤ count.
    package init?(_ index: Int, of count: Int) {
        guard count >= 1, (1...count).contains(index), count <= 1_000_000 else { return nil }
        self.init(unchecked: index, of: count)
    }

    private init(unchecked index: Int, of count: Int) { (self.index, self.count) = (index, count) }

    /// Refuses what `init(_:of:)` refuses.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let (index, count) = (
            try values.decode(Int.self, forKey: .index), try values.decode(Int.self, forKey: .count)
        )
        guard let shard = Shard(index, of: count) else {
            throw DecodingError.dataCorruptedError(
                forKey: .index, in: values, debugDescription: "shard \(index)/\(count)")
        }
        self = shard
    }

    /// `2/4`
    package var description: String { "\(index)/\(count)" }

    /// The part's images, out of `total`.
    package func images(of total: Int) -> Range<Int> {
        let edge = { (part: Int) in
            // total · part / count without overflow.
            total / count * part + total % count * part / count
        }
        return edge(index - 1)..<edge(index)
    }
}
