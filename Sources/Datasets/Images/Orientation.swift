/// The orientation of the camera, from EXIF tag 0x0112 (CIPA DC-008, 4.6.4).
enum Orientation: Int, Sendable {
    case upright = 1
    case mirrored, upsideDown, upsideDownMirrored, transposed, turnedLeft, transversed, turnedRight

    /// Whether rows become columns.
    var isTurned: Bool { rawValue >= Self.transposed.rawValue }

    /// Reads the tag from EXIF data, a TIFF file of which only the first directory matters; upright where there is none
    /// or what is there makes no sense, as image viewers take it.
    init(exif data: some RandomAccessCollection<UInt8>) {
        self = Self.tag(Array(data.prefix(1 << 16))).flatMap(Self.init(rawValue:)) ?? .upright
    }

    private static func tag(_ bytes: [UInt8]) -> Int? {
        let isLittle = bytes.starts(with: [0x49, 0x49, 0x2A, 0])
        guard isLittle || bytes.starts(with: [0x4D, 0x4D, 0, 0x2A]) else { return nil }
        func number(at offset: Int, bytes count: Int) -> Int? {
            guard offset + count <= bytes.count else { return nil }
            let digits = bytes[offset..<offset + count]
            return (isLittle ? Array(digits.reversed()) : Array(digits)).reduce(0) { $0 << 8 | Int($1) }
        }
        guard let directory = number(at: 4, bytes: 4), let count = number(at: directory, bytes: 2) else {
            return nil
        }
        for entry in 0..<count {
            let place = directory + 2 + entry * 12
            guard let tag = number(at: place, bytes: 2) else { return nil }
            // Type 3 is a 16-bit integer, which stands at the start of the four bytes of the value.
            if tag == 0x0112, number(at: place + 2, bytes: 2) == 3 { return number(at: place + 8, bytes: 2) }
        }
        return nil
    }
}

extension PixelImage {
    /// The image turned upright.
    func upright(_ orientation: Orientation) -> PixelImage {
        guard orientation != .upright else { return self }
        let (rows, columns) = orientation.isTurned ? (width, height) : (height, width)
        var turned = [UInt8](repeating: 0, count: values.count)
        for row in 0..<rows {
            for column in 0..<columns {
                let (y, x) = place(row, column, orientation)
                for channel in 0..<channels {
                    turned[(row * columns + column) * channels + channel] =
                        values[(y * width + x) * channels + channel]
                }
            }
        }
        return PixelImage(height: rows, width: columns, channels: channels, values: turned)
    }

    /// Where the pixel of the upright image is stored.
    private func place(_ row: Int, _ column: Int, _ orientation: Orientation) -> (row: Int, column: Int) {
        switch orientation {
        case .upright: (row, column)
        case .mirrored: (row, width - 1 - column)
        case .upsideDown: (height - 1 - row, width - 1 - column)
        case .upsideDownMirrored: (height - 1 - row, column)
        case .transposed: (column, row)
        case .turnedLeft: (height - 1 - column, row)
        case .transversed: (height - 1 - column, width - 1 - row)
        case .turnedRight: (column, width - 1 - row)
        }
    }
}
