import Foundation
import Tensors

extension Tensor {
    /// The tensor as an npy file (version 1.0, little-endian float32, C order), which numpy's `load` reads.
    public var npy: Data {
        let extents = shape.extents.map(String.init).joined(separator: ", ") + (shape.rank == 1 ? "," : "")
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(extents)), }"
        // The header ends in a newline and fills whole blocks of 64 bytes.
        header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
        var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0])
        data.append(contentsOf: withUnsafeBytes(of: UInt16(header.utf8.count).littleEndian, Array.init))
        data.append(contentsOf: header.utf8)
        #if _endian(little)
            values.withUnsafeBytes { data.append(contentsOf: $0) }
        #else
            values.map(\.bitPattern.littleEndian).withUnsafeBytes { data.append(contentsOf: $0) }
        #endif
        return data
    }
}
