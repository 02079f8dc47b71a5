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
            let pixels: Block.Pixels =
                readsBytes ? .bytes(try array.bytes(rows: rows)) : .floats(try array.floats(rows: rows))
            let block = Block(rows: rows, pixels: recipe.applied(to: pixels))
            latest.append(block)
            return block
        }
    }
}
