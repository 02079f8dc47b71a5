import CHDF5

/// How a dataset's values are stored, and whether that may be trusted.
struct Storage {
    private let handle: Handle
    private let location: HDF5Location
    private let layout: H5D_layout_t
    private let isFiltered: Bool
    private let chunk: [hsize_t]

    /// The first extent of a chunk, 1 where there are none.
    var rowsPerChunk: Int { max(1, chunk.first.map { Int(clamping: $0) } ?? 1) }

    /// Refuses what leads out of the file or into foreign code. Comes before anything else is asked of the dataset:
    /// reading the shape of a virtual one opens its sources.
    init(_ handle: Handle, _ location: HDF5Location) throws(HDF5Error) {
        self.handle = handle
        self.location = location
        let properties = try Handle.properties(H5Dget_create_plist(handle.id), location)
        layout = H5Pget_layout(properties.id)
        if layout == H5D_VIRTUAL { throw .virtualDataset(location) }
        if try Library.check(H5Pget_external_count(properties.id), "reading the storage", location) > 0 {
            throw .externalStorage(location)
        }
        guard [H5D_COMPACT, H5D_CONTIGUOUS, H5D_CHUNKED].contains(layout) else {
            throw .libraryFailure(location, action: "reading the storage", reason: "unknown layout")
        }
        isFiltered = try Self.checkFilters(properties, location)
        if layout == H5D_CHUNKED {
            var extents = [hsize_t](repeating: 0, count: 32)
            let rank = H5Pget_chunk(properties.id, Int32(extents.count), &extents)
            chunk = Array(extents.prefix(Int(try Library.check(rank, "reading the chunks", location))))
        } else {
            chunk = []
        }
    }

    /// Returns whether there are filters.
    private static func checkFilters(_ properties: Handle, _ location: HDF5Location) throws(HDF5Error) -> Bool
    {
        let count = try Library.check(H5Pget_nfilters(properties.id), "reading the filters", location)
        for index in 0..<UInt32(count) {
            var (flags, configuration): (UInt32, UInt32) = (0, 0)
            var values = 0
            var name = [CChar](repeating: 0, count: 64)
            let filter = H5Pget_filter2(
                properties.id, index, &flags, &values, nil, name.count, &name, &configuration)
            guard [H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32].contains(filter) else {
                name[name.count - 1] = 0
                let text = String(
                    decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                throw .refusedFilter(location, filter: text.isEmpty ? "\(filter)" : "\(filter) (\(text))")
            }
        }
        return count > 0
    }

    /// Checks that what the shape declares can be in the file.
    func check(shape: [Int], bytes: Int, elementSize: Int, file: HDF5File) throws(HDF5Error) {
        guard bytes > 0 else { return }
        let stored = Int(clamping: H5Dget_storage_size(handle.id))
        guard stored > 0 else { throw .neverAllocated(location, shape: shape) }
        guard stored <= file.byteCount else {
            throw .tooLarge(location, found: stored, limit: file.byteCount)
        }
        let ratio = isFiltered ? file.limits.compressionRatio : 1
        let limit = stored.multipliedReportingOverflow(by: ratio)
        let capacity = limit.overflow ? Int.max : limit.partialValue
        guard bytes <= capacity else { throw .tooLarge(location, found: bytes, limit: capacity) }
        // A chunk is read whole, even where the dataset is smaller.
        let chunkBytes = chunk.reduce(elementSize) { product, extent in
            let (next, overflow) = product.multipliedReportingOverflow(by: Int(clamping: extent))
            return overflow ? Int.max : next
        }
        if layout == H5D_CHUNKED, chunkBytes > capacity {
            throw .tooLarge(location, found: chunkBytes, limit: capacity)
        }
        try checkEnd(bytes: bytes, file: file)
    }

    /// Contiguous values end before the file does.
    private func checkEnd(bytes: Int, file: HDF5File) throws(HDF5Error) {
        guard layout == H5D_CONTIGUOUS else { return }
        let offset = H5Dget_offset(handle.id)
        guard offset != chdf5_undefined_address() else { throw .neverAllocated(location, shape: []) }
        let (end, overflow) = Int(clamping: offset).addingReportingOverflow(bytes)
        if overflow || end > file.byteCount {
            throw .truncated(path: file.path, found: file.byteCount, expected: overflow ? nil : end)
        }
    }
}
