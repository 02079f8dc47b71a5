/// Decodes PGM (grey) and PPM (colour) files, plain (P2, P3) or binary (P5, P6), of up to 8 bits a value.
///
/// The format: https://netpbm.sourceforge.net/doc/ppm.html. Values of 0…maximum become 0…255 as in Pillow.
struct PNMDecoder {
    private let file: String
    private let bytes: [UInt8]
    private var place = 2
    private let isColour: Bool
    private let isPlain: Bool
    private var width = 0
    private var height = 0
    private var maximum = 0

    private var format: String { isColour ? "PPM" : "PGM" }
    private static let whitespace: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D]

    /// Whether bytes begin as such a file: `P2`, `P3`, `P5` or `P6`, then white space.
    static func recognizes(_ bytes: [UInt8]) -> Bool {
        bytes.count > 2 && bytes[0] == UInt8(ascii: "P") && "2356".utf8.contains(bytes[1])
            && whitespace.contains(bytes[2])
    }

    /// The image in colour of a file that `recognizes` takes.
    static func decode(_ bytes: [UInt8], file: String) throws(ImageError) -> PixelImage {
        var decoder = try PNMDecoder(bytes, file: file)
        return try decoder.decoded()
    }

    /// Reads the header of a file that `recognizes` takes.
    private init(_ bytes: [UInt8], file: String) throws(ImageError) {
        (self.bytes, self.file) = (bytes, file)
        (isColour, isPlain) = ("36".utf8.contains(bytes[1]), "23".utf8.contains(bytes[1]))
        width = try number("a width")
        height = try number("a height")
        maximum = try number("a largest value")
        guard width > 0, height > 0 else {
            throw .damaged(
                file: file, format: format, reason: "\(width)×\(height) pixels, expected at least 1×1")
        }
        guard 1...65535 ~= maximum else {
            throw .damaged(
                file: file, format: format, reason: "a largest value of \(maximum), expected 1…65535")
        }
        guard maximum <= 255 else {
            throw .unsupported(
                file: file, format: format, found: "values of 16 bits (up to \(maximum))",
                expected: "values up to 255")
        }
        try PixelImage.check(width: width, height: height, file: file)
    }

    /// The image in colour; grey is repeated.
    private mutating func decoded() throws(ImageError) -> PixelImage {
        let channels = isColour ? 3 : 1
        let count = height * width * channels
        // A value takes at least a byte, in plain files a digit and a space.
        guard bytes.count - place >= (isPlain ? 2 * count - 1 : count) else { throw ended() }
        let table = (0...255).map { value in
            UInt8(min((Double(value) / Double(maximum) * 255).rounded(.toNearestOrEven), 255))
        }
        var values: [UInt8] = []
        values.reserveCapacity(height * width * 3)
        for index in 0..<count {
            let value = table[isPlain ? try plainValue() : Int(bytes[place + index])]
            values.append(value)
            if !isColour { values += [value, value] }
        }
        return PixelImage(height: height, width: width, channels: 3, values: values)
    }

    private mutating func plainValue() throws(ImageError) -> Int {
        let value = try number("\(height) rows of pixels")
        guard value <= maximum else {
            throw .damaged(file: file, format: format, reason: "a value of \(value), expected 0…\(maximum)")
        }
        return value
    }

    /// The next number in decimal digits, and the one white space after it. A comment goes from `#` to the end of its line.
    private mutating func number(_ expected: String) throws(ImageError) -> Int {
        var number: Int?
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            if byte == UInt8(ascii: "#") {
                while place < bytes.count, bytes[place] != 0x0A, bytes[place] != 0x0D { place += 1 }
                place += 1
            } else if Self.whitespace.contains(byte) {
                if let number { return number }
            } else {
                guard 0x30...0x39 ~= byte, number ?? 0 < 1_000_000_000 else {
                    throw .damaged(file: file, format: format, reason: "no number for \(expected)")
                }
                number = (number ?? 0) * 10 + Int(byte - 0x30)
            }
        }
        guard let number, isPlain else { throw ended(expected) }
        return number
    }

    private func ended(_ expected: String? = nil) -> ImageError {
        .truncated(file: file, format: format, expected: expected ?? "\(height) rows of pixels")
    }
}
