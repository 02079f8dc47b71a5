import Datasets
import Reports

extension Split {
    /// An image to display; nil if it has neither 1 nor 3 channels.
    package func picture(_ index: Int) throws -> Picture? {
        let (black, white) = (blackToWhite.lowerBound, blackToWhite.upperBound)
        let bytes = try read(index..<index + 1, preprocessing: .raw).map { value in
            UInt8((min(max((value - black) / (white - black), 0), 1) * 255).rounded())
        }
        return Picture(width: width, height: height, channels: channels, bytes: bytes)
    }
}
