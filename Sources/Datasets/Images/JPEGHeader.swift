/// The markers of a JPEG file before its first scan (ITU-T T.81, annex B).
struct JPEGHeader {
    let height: Int
    let width: Int
    let components: Int
    let orientation: Orientation

    /// Reads up to the first scan. Throws where the file ends before, or no frame is announced.
    init(_ bytes: [UInt8], file: String) throws(ImageError) {
        let truncated = ImageError.truncated(file: file, format: "JPEG", expected: "a scan")
        var frame: (height: Int, width: Int, components: Int)?
        var orientation: Orientation?
        var offset = 2
        scan: while true {
            // Between segments, decoders skip what is no marker; 0xFF may be repeated.
            while offset < bytes.count, bytes[offset] != 0xFF { offset += 1 }
            while offset < bytes.count, bytes[offset] == 0xFF { offset += 1 }
            guard offset < bytes.count else { throw truncated }
            let marker = bytes[offset]
            offset += 1
            switch marker {
            case 0, 0x01, 0xD0...0xD8: continue
            case 0xDA: break scan
            case 0xD9: throw truncated
            default: break
            }
            guard offset + 2 <= bytes.count else { throw truncated }
            let end = offset + (Int(bytes[offset]) << 8 | Int(bytes[offset + 1]))
            guard end >= offset + 2, end <= bytes.count else { throw truncated }
            let payload = bytes[offset + 2..<end]
            if marker == 0xE1, orientation == nil, payload.starts(with: Array("Exif\0\0".utf8)) {
                orientation = Orientation(exif: payload.dropFirst(6))
            }
            // Frames, not tables of Huffman (C4) or arithmetic codes (CC) or the reserved C8.
            if 0xC0...0xCF ~= marker, ![0xC4, 0xC8, 0xCC].contains(marker), payload.count >= 6 {
                let numbers = payload.prefix(6).map(Int.init)
                frame = (numbers[1] << 8 | numbers[2], numbers[3] << 8 | numbers[4], numbers[5])
            }
            offset = end
        }
        guard let frame, frame.height > 0, frame.width > 0 else {
            throw .damaged(
                file: file, format: "JPEG", reason: "no frame of at least 1×1 before the first scan")
        }
        // Inside a scan 0xFF is always followed by 0 or a restart marker: this can only be the end of an image.
        guard Self.hasEnd(bytes[offset...]) else {
            throw .truncated(file: file, format: "JPEG", expected: "an end-of-image marker")
        }
        (height, width, components) = frame
        self.orientation = orientation ?? .upright
    }

    private static func hasEnd(_ scans: ArraySlice<UInt8>) -> Bool {
        var place = scans.endIndex - 2
        while place >= scans.startIndex {
            if scans[place] == 0xFF, scans[place + 1] == 0xD9 { return true }
            place -= 1
        }
        return false
    }
}
