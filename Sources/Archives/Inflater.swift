import CZlib

/// CRC-32 of bytes as zip defines it, continuing from that of the bytes before.
func checksum(_ bytes: UnsafeRawBufferPointer, after crc: UInt32 = 0) -> UInt32 {
    UInt32(crc32_z(uLong(crc), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
}

/// One deflate stream being inflated. Owns zlib's state.
final class Inflater {
    /// How far a step came.
    enum Status {
        /// More input or more room is needed.
        case unfinished
        /// The stream has ended.
        case finished
        /// No compressor writes these bytes.
        case damaged
    }

    private var stream = z_stream()
    private let isReady: Bool

    /// The container of the deflate data.
    enum Wrapping {
        /// Nothing, as in zip.
        case none
        /// gzip's header and checksum, which zlib checks.
        case gzip
    }

    init(_ wrapping: Wrapping = .none) {
        let status = wrapping == .none ? normconv_inflate_init(&stream) : normconv_gunzip_init(&stream)
        isReady = status == Z_OK
    }

    deinit { inflateEnd(&stream) }

    /// Inflates from `input` into `output` until one is used up; returns the bytes taken and made.
    /// Neither may be longer than `UInt32.max`, zlib's limit.
    func step(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (status: Status, taken: Int, made: Int) {
        guard isReady else { return (.damaged, 0, 0) }
        stream.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        stream.avail_in = uInt(input.count)
        stream.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.avail_out = uInt(output.count)
        let code = inflate(&stream, Z_NO_FLUSH)
        let taken = input.count - Int(stream.avail_in)
        let made = output.count - Int(stream.avail_out)
        switch code {
        case Z_OK, Z_BUF_ERROR: return (.unfinished, taken, made)
        case Z_STREAM_END: return (.finished, taken, made)
        default: return (.damaged, taken, made)
        }
    }
}
