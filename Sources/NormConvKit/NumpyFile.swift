import Archives
import Foundation
import Tensors

extension Tensor {
    /// The tensor as an npy file (version 1.0, little-endian float32, C order), which numpy's `load` reads.
    package var npy: Data {
        var data = Data(NumpyArray.header(.float32, shape: shape.extents))
        #if _endian(little)
            values.withUnsafeBytes { data.append(contentsOf: $0) }
        #else
            values.map(\.bitPattern.littleEndian).withUnsafeBytes { data.append(contentsOf: $0) }
        #endif
        return data
    }
}
