/// The checksum SHA-256 (FIPS 180-4), of bytes as they come.
package struct SHA256: Sendable {
    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]
    /// Bytes that do not fill a block yet.
    private var rest: [UInt8] = []
    private var count: UInt64 = 0

    private static let blockSize = 64

    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
        0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
        0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
        0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
        0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
        0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
        0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
        0xc671_78f2,
    ]

    /// The checksum of no bytes yet.
    package init() {}

    /// The checksum of files one after another, as of `cat FILE...`, as 64 hexadecimal digits. Reads a mebibyte at a time.
    package static func text(ofFiles paths: [String]) throws(ArchiveError) -> String {
        var checksum = SHA256()
        for path in paths {
            let file = try RandomAccessFile(path: path)
            for start in stride(from: 0, to: file.size, by: 1 << 20) {
                checksum.add(try file.read(at: start, count: min(1 << 20, file.size - start)))
            }
        }
        return checksum.text
    }

    /// Adds bytes.
    package mutating func add(_ bytes: [UInt8]) {
        count += UInt64(bytes.count)
        var next = 0
        if !rest.isEmpty {
            next = min(Self.blockSize - rest.count, bytes.count)
            rest += bytes[..<next]
            guard rest.count == Self.blockSize else { return }
            compress(rest[...])
            rest.removeAll(keepingCapacity: true)
        }
        let end = next + (bytes.count - next) / Self.blockSize * Self.blockSize
        compress(bytes[next..<end])
        rest += bytes[end...]
    }

    /// The checksum of the bytes so far, as 64 hexadecimal digits.
    package var text: String {
        var last = self
        let zeros = (Self.blockSize * 2 - 9 - rest.count) % Self.blockSize
        let length = count * 8
        last.add([0x80] + [UInt8](repeating: 0, count: zeros) + length.bigEndianBytes)
        return last.state.flatMap(\.bigEndianBytes).map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }.joined()
    }

    /// Takes in whole blocks (FIPS 180-4, 6.2.2).
    private mutating func compress(_ blocks: ArraySlice<UInt8>) {
        state.withUnsafeMutableBufferPointer { state in
            blocks.withUnsafeBytes { bytes in
                Self.constants.withUnsafeBufferPointer { constants in
                    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
                        schedule.initialize(repeating: 0)
                        for start in stride(from: 0, to: bytes.count, by: Self.blockSize) {
                            Self.expand(bytes, from: start, into: schedule)
                            Self.round(state, schedule, constants)
                        }
                    }
                }
            }
        }
    }

    /// The message schedule of one block.
    private static func expand(
        _ bytes: UnsafeRawBufferPointer, from start: Int, into schedule: UnsafeMutableBufferPointer<UInt32>
    ) {
        for word in 0..<16 {
            schedule[word] = UInt32(
                bigEndian: bytes.loadUnaligned(fromByteOffset: start + 4 * word, as: UInt32.self))
        }
        for word in 16..<64 {
            let (early, late) = (schedule[word - 15], schedule[word - 2])
            let first = early.rotated(7) ^ early.rotated(18) ^ (early >> 3)
            let second = late.rotated(17) ^ late.rotated(19) ^ (late >> 10)
            schedule[word] = schedule[word - 16] &+ first &+ schedule[word - 7] &+ second
        }
    }

    /// The sixty-four steps of one block.
    private static func round(
        _ state: UnsafeMutableBufferPointer<UInt32>, _ schedule: UnsafeMutableBufferPointer<UInt32>,
        _ constants: UnsafeBufferPointer<UInt32>
    ) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for step in 0..<64 {
            let mixed = e.rotated(6) ^ e.rotated(11) ^ e.rotated(25)
            let first = h &+ mixed &+ ((e & f) ^ (~e & g)) &+ constants[step] &+ schedule[step]
            let second = (a.rotated(2) ^ a.rotated(13) ^ a.rotated(22)) &+ ((a & b) ^ (a & c) ^ (b & c))
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ second)
        }
        for (place, value) in [a, b, c, d, e, f, g, h].enumerated() { state[place] &+= value }
    }
}

extension UInt32 {
    /// The bits moved to the right in a circle.
    fileprivate func rotated(_ bits: UInt32) -> UInt32 { (self >> bits) | (self << (32 - bits)) }
}

extension FixedWidthInteger {
    fileprivate var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
