/// Images of one size that are read in pieces, from any thread.
protocol ImageStore: Sendable {
    /// Their number and extents.
    var format: ImageFormat { get }

    /// The values of black and white.
    var blackToWhite: ClosedRange<Float> { get }

    /// Checks that a preprocessing fits the images.
    func check(_ preprocessing: Preprocessing) throws(DatasetError)

    /// Writes images as Float32, [images, height, width, channels], to memory for `range.count` of them.
    func read(
        _ range: Range<Int>, into target: UnsafeMutablePointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError)
}
