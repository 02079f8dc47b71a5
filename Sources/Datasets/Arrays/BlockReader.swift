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

/// Reads images in blocks of a fixed size and keeps the latest ones, so that workers that ask for a few images each do not
/// make HDF5 inflate the same compressed chunk again and again, and memory stays bounded whatever the array's size.
final class BlockReader: Sendable {
    private let latest = Mutex<[Block]>([])
    private let array: any StoredArray
    private let rowsPerBlock: Int
    private let blocksKept: Int

    /// What a block has at least, unless the array ends: from this size on reading is as fast as copying.
    static let leastBytes = 2 << 20
    /// What it has at most, unless a single image is larger. Chunks that are larger are inflated for each of their blocks.
    static let mostBytes = 32 << 20
    /// Of the blocks that are kept together; two are kept even if they are larger. Workers are at several places of the array.
    private static let keptBytes = 8 << 20

    init(_ array: any StoredArray) {
        self.array = array
        let valueSize = array.isUInt8 ? 1 : MemoryLayout<Float>.size
        let rowBytes = max(1, array.shape.dropFirst().reduce(valueSize, *))
        rowsPerBlock = Self.rowsPerBlock(rowBytes: rowBytes, rowsPerChunk: array.rowsPerChunk)
        blocksKept = max(2, Self.keptBytes / (rowsPerBlock * rowBytes))
    }

    /// Whole chunks, where they are not too large.
    static func rowsPerBlock(rowBytes: Int, rowsPerChunk: Int) -> Int {
        let least = (leastBytes + rowBytes - 1) / rowBytes
        let most = max(1, mostBytes / rowBytes)
        guard rowsPerChunk <= most else { return most }
        return (least + rowsPerChunk - 1) / rowsPerChunk * rowsPerChunk
    }

    /// The block that holds a row. One at a time is read.
    func block(at row: Int) throws(DatasetError) -> Block {
        try latest.withLock { (latest) throws(DatasetError) in
            if let block = latest.first(where: { $0.rows.contains(row) }) { return block }
            let first = row / rowsPerBlock * rowsPerBlock
            let rows = first..<min(first + rowsPerBlock, array.shape[0])
            // The oldest one goes before its successor comes.
            latest = Array(latest.suffix(blocksKept - 1))
            let pixels: Block.Pixels =
                array.isUInt8 ? .bytes(try array.bytes(rows: rows)) : .floats(try array.floats(rows: rows))
            let block = Block(rows: rows, pixels: pixels)
            latest.append(block)
            return block
        }
    }
}
