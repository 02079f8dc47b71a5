import Datasets
import Reports

extension Split {
    /// An image as people see it; nil where it has other channels than grey or colours.
    public func picture(_ index: Int) throws -> Picture? {
        // 0…1 whatever the scale of the stored values.
        let values = try read(index..<index + 1, preprocessing: .unit)
        let bytes = values.map { UInt8((min(max($0, 0), 1) * 255).rounded()) }
        return Picture(width: width, height: height, channels: channels, bytes: bytes)
    }
}
