extension NumpyArray {
    /// The header of an npy file: version 1.0, little-endian, C order.
    package static func header(_ type: NumpyElementType, shape: [Int]) -> [UInt8] {
        let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        let order = type.size == 1 ? "|" : "<"
        var text = "{'descr': '\(order)\(type.rawValue)', 'fortran_order': False, 'shape': (\(extents)), }"
        // The header ends in a newline and fills whole blocks of 64 bytes.
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        let length = withUnsafeBytes(of: UInt16(text.utf8.count).littleEndian, Array.init)
        return [0x93] + Array("NUMPY".utf8) + [1, 0] + length + text.utf8
    }

    /// The elements little-endian, whatever their order in the file.
    package var littleEndianBytes: [UInt8] {
        let size = elementType.size
        guard isBigEndian, size > 1 else { return Array(storage) }
        var bytes = Array(storage)
        for start in stride(from: 0, to: bytes.count, by: size) { bytes[start..<start + size].reverse() }
        return bytes
    }
}
