import Synchronization
import Tensors

/// Consecutive images as they are stored.
struct Block: Sendable {
    enum Pixels: Sendable {
        case bytes([UInt8])
        case floats([Float])
    }
    let rows: Range<Int>
    let pixels: Pixels
    /// The first image with a pixel that is not finite.
    let nonFiniteRow: Int?

    init(rows: Range<Int>, pixels: Pixels) {
        self.rows = rows
        self.pixels = pixels
        if case .floats(let values) = pixels, let index = values.firstNonFinite {
            nonFiniteRow = rows.lowerBound + index / (values.count / rows.count)
        } else {
            nonFiniteRow = nil
        }
    }
}

/// Reads images in blocks of a fixed size and caches the latest ones. Workers ask for a few images each; the cache keeps
/// HDF5 from inflating the same compressed chunk repeatedly, with bounded memory.
final class BlockReader: Sendable {
    private let latest = Mutex<[Block]>([])
    private let array: any StoredArray
    private let recipe: PixelRecipe
    private let rowsPerBlock: Int
    private let blocksKept: Int

    /// The smallest block, except the last one. From this size on, reading is as fast as copying.
    static let leastBytes = 2 << 20
    /// The largest block, unless a single image is larger. Larger chunks are inflated for each of their blocks.
    static let mostBytes = 32 << 20
    /// The size of the cache, at least two blocks: workers read at several positions of the array.
    private static let keptBytes = 8 << 20

    /// Whether images are read as bytes, otherwise as floats.
    private var readsBytes: Bool { array.isUInt8 && recipe.factor == nil }

    init(_ array: any StoredArray, _ recipe: PixelRecipe) {
        (self.array, self.recipe) = (array, recipe)
        let valueSize = array.isUInt8 && recipe.factor == nil ? 1 : MemoryLayout<Float>.size
        let rowBytes = max(1, max(recipe.stored.size, recipe.format.size) * valueSize)
        rowsPerBlock = Self.rowsPerBlock(rowBytes: rowBytes, rowsPerChunk: array.rowsPerChunk)
        blocksKept = max(2, Self.keptBytes / (rowsPerBlock * rowBytes))
    }

    /// Reads a single image and caches nothing, for images in any order.
    func image(_ row: Int) throws(DatasetError) -> Block { try read(row..<row + 1) }

    /// A reader for images in any order: compressed images are read once and stay in memory, up to `bytes` of them.
    /// Others would be inflated with their whole chunk for each image.
    func holding(atMost bytes: Int) throws(DatasetError) -> BlockReader {
        let valueSize = readsBytes ? 1 : MemoryLayout<Float>.size
        let size = Shape.product(of: array.shape, times: valueSize) ?? .max
        guard array.rowsPerChunk > 1, size <= bytes else { return self }
        return BlockReader(try HeldArray(array, asBytes: readsBytes), recipe)
    }

    private func read(_ rows: Range<Int>) throws(DatasetError) -> Block {
        let pixels: Block.Pixels =
            readsBytes ? .bytes(try array.bytes(rows: rows)) : .floats(try array.floats(rows: rows))
        return Block(rows: rows, pixels: recipe.applied(to: pixels))
    }

    /// Rows per block: whole chunks, if they are not too large.
    static func rowsPerBlock(rowBytes: Int, rowsPerChunk: Int) -> Int {
        let least = (leastBytes + rowBytes - 1) / rowBytes
        let most = max(1, mostBytes / rowBytes)
        guard rowsPerChunk <= most else { return most }
        return (least + rowsPerChunk - 1) / rowsPerChunk * rowsPerChunk
    }

    /// The block that contains a row. Reads one block at a time.
    func block(at row: Int) throws(DatasetError) -> Block {
        try latest.withLock { (latest) throws(DatasetError) in
            if let block = latest.first(where: { $0.rows.contains(row) }) { return block }
            let first = row / rowsPerBlock * rowsPerBlock
            let rows = first..<min(first + rowsPerBlock, array.shape[0])
            // Remove the oldest block before reading the next one.
            latest = Array(latest.suffix(blocksKept - 1))
            let block = try read(rows)
            latest.append(block)
            return block
        }
    }
}
