import Archives

/// uint8 rows at equal distances in a file or in memory.
struct RawArray: StoredArray {
    let name: String
    let shape: [Int]
    let storage: Storage
    /// Where the first row begins.
    let offset: Int
    /// From the start of a row to that of the next.
    let stride: Int

    enum Storage {
        case file(RandomAccessFile)
        case memory([UInt8])
    }

    var elementName: String { "uint8" }
    var isUInt8: Bool { true }
    var isFloat: Bool { false }

    private var rowSize: Int { shape.dropFirst().reduce(1, *) }

    func bytes(rows: Range<Int>) throws(DatasetError) -> [UInt8] {
        guard !rows.isEmpty else { return [] }
        let start = offset + rows.lowerBound * stride
        let count = (rows.count - 1) * stride + rowSize
        let read: [UInt8] =
            switch storage {
            case .file(let file):
                try archiveResult { () throws(ArchiveError) in try file.read(at: start, count: count) }
            case .memory(let bytes): Array(bytes[start..<start + count])
            }
        guard stride != rowSize else { return read }
        var packed: [UInt8] = []
        packed.reserveCapacity(rows.count * rowSize)
        for row in 0..<rows.count { packed += read[row * stride..<row * stride + rowSize] }
        return packed
    }

    func floats(rows: Range<Int>) throws(DatasetError) -> [Float] { try bytes(rows: rows).map(Float.init) }

    func integers() throws(DatasetError) -> [Int] {
        // Labels: a block at a time, so that the images between them are not all in memory.
        var values: [Int] = []
        values.reserveCapacity(shape[0])
        for start in Swift.stride(from: 0, to: shape[0], by: 4096) {
            values += try bytes(rows: start..<min(start + 4096, shape[0])).map(Int.init)
        }
        return values
    }
}
