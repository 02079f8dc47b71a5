import Archives
import Foundation
import HDF5
import Tensors

/// Images with labels from one file: HDF5 or npz, recognised by content.
public struct Split: Sendable {
    /// The path as it was given.
    public let path: String
    /// The number of images.
    public let count: Int
    /// Height, width and channels of an image.
    public let imageShape: Shape
    /// The class of each image; nil where the file has none and none are needed.
    public let labels: [Int]?
    /// Names of the classes, where the file has them.
    public let classNames: [String]?
    private let geometry: ImageGeometry
    private let pixels: PixelStore

    /// What images and labels are called, in the order they are looked for.
    static let names = [("images", "labels"), ("x_test", "y_test"), ("X", "y")]

    /// Opens a split. `layout` is only needed where 1 or 3 channels at one end of the shape do not tell it.
    ///
    /// Throws `DatasetError`, `HDF5Error` or `ArchiveError`.
    public init(path: String, layout: ImageLayout? = nil, requiresLabels: Bool = true) throws {
        guard FileManager.default.fileExists(atPath: path) else { throw DatasetError.fileMissing(path: path) }
        let arrays: any SplitFile = try Self.isZip(path) ? NumpySplitFile(path) : HDF5SplitFile(path)
        let present = try arrays.names()
        guard let (images, labels) = Self.names.first(where: { present.contains($0.0) }) else {
            throw DatasetError.noImages(path: path, found: present)
        }
        pixels = try arrays.pixels(images)
        geometry = try ImageGeometry(shape: pixels.shape, layout: layout, path: path, name: images)
        count = pixels.shape[0]
        if present.contains(labels) {
            self.labels = try arrays.labels(labels, images: count)
        } else if requiresLabels {
            throw DatasetError.noLabels(path: path, expected: labels)
        } else {
            self.labels = nil
        }
        classNames = try arrays.classNames()
        imageShape = [geometry.height, geometry.width, geometry.channels]
        self.path = path
    }

    private static func isZip(_ path: String) throws -> Bool {
        guard let handle = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? handle.close() }
        return try handle.read(upToCount: 4) == Data([0x50, 0x4B, 0x03, 0x04])
    }

    /// A reader of these images for one preprocessing. Throws `DatasetError` where that does not fit them: other
    /// channels, or floats of 0…1 where 0…255 is expected.
    public func reader(_ preprocessing: Preprocessing) throws -> ImageReader {
        try preprocessing.check(channels: geometry.channels)
        let reader = ImageReader(
            path: path, geometry: geometry, pixels: pixels, preprocessing: preprocessing,
            table: preprocessing.table(channels: geometry.channels))
        if !pixels.isBytes, preprocessing != .raw {
            let sample = try pixels.floats(0..<min(count, 64))
            if sample.allSatisfy({ (0...1).contains($0) }), sample.contains(where: { $0 != 0 }) {
                throw DatasetError.unitRange(path: path, preprocessing: preprocessing.name)
            }
        }
        return reader
    }
}

/// Reads ranges of a split's images, preprocessed, from several threads at once.
public struct ImageReader: Sendable {
    let path: String
    let geometry: ImageGeometry
    let pixels: PixelStore
    let preprocessing: Preprocessing
    /// Results for byte pixels, [channels, 256].
    let table: [Float]

    /// Writes images [images, height, width, channels] into a buffer of just that many values.
    public func read(_ range: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) throws {
        let (pixelStride, channelStride) = geometry.strides
        let channels = geometry.channels
        func fill(_ value: (_ index: Int, _ channel: Int) -> Float) {
            var place = 0
            for image in 0..<range.count {
                for pixel in 0..<geometry.pixels {
                    let first = image * geometry.count + pixel * pixelStride
                    for channel in 0..<channels {
                        let source = preprocessing.reversesChannels ? channels - 1 - channel : channel
                        target[place] = value(first + source * channelStride, channel)
                        place += 1
                    }
                }
            }
        }
        if pixels.isBytes {
            try pixels.withBytes(range) { bytes in
                table.withUnsafeBufferPointer { table in
                    fill { table[$1 << 8 + Int(bytes[$0])] }
                }
            }
        } else {
            let floats = try pixels.floats(range)
            if let index = floats.firstIndex(where: { !$0.isFinite }) {
                throw DatasetError.nonFinitePixel(
                    path: path, image: range.lowerBound + index / geometry.count)
            }
            floats.withUnsafeBufferPointer { floats in
                fill { preprocessing.apply(floats[$0], channel: $1) }
            }
        }
    }
}
