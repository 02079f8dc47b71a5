/// Limits for untrusted files. Without them a few bytes can declare terabytes.
package struct HDF5Limits: Sendable, Equatable {
    /// Bytes in memory of all datasets of a file together.
    package var totalBytes = 64 << 30
    /// Bytes in memory of all datasets of a file together for each byte of the file, beyond `allowance`: one dataset may
    /// be nothing but zeros, a network or a split is not.
    package var expansion = 100
    /// Bytes that the datasets of a file may take in memory, however small it is.
    package var allowance = 64 << 20
    /// Bytes of a compressed dataset for each byte that it takes in the file.
    package var compressionRatio = 1_000
    /// Bytes in memory of one attribute.
    package var attributeBytes = 16 << 20
    /// Groups inside one another.
    package var depth = 64
    /// Links of one group, and objects that one walk over a file meets.
    package var objects = 1_000_000

    /// The default limits, which fit all known networks.
    package init() {}

    /// The limit for the memory of all datasets, for a file of this size in bytes.
    func total(ofFileBytes bytes: Int) -> Int {
        let (product, overflow) = bytes.multipliedReportingOverflow(by: expansion)
        return min(totalBytes, overflow ? .max : product.addingReportingOverflow(allowance).partialValue)
    }
}
