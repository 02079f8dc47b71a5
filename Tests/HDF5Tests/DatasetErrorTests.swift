import CHDF5
import Testing

@testable import HDF5

/// What a dataset may not be.
struct DatasetErrorTests {
    @Test("values in other files are refused")
    func externalStorage() throws {
        try expect({ .externalStorage($0) }) { file in
            try file.dataset("data", [4]) { creation in
                try accept(H5Pset_external(creation, "/etc/passwd", 0, 16))
            }
        }
    }

    @Test("values assembled from other datasets are refused")
    func virtualDataset() throws {
        try expect({ .virtualDataset($0) }) { file in
            var length: hsize_t = 4
            let space = try accept(H5Screate_simple(1, &length, nil))
            try file.dataset("data", [4]) { creation in
                try accept(H5Pset_virtual(creation, space, "/etc/passwd", "/data", space))
            }
        }
    }

    @Test("filters beyond deflate, shuffle and fletcher32 are refused by name")
    func refusedFilters() throws {
        try expect({ .refusedFilter($0, filter: "6 (scaleoffset)") }) { file in
            try file.dataset("data", [4], of: chdf5_native_int32(), values: [Int32(1), 2, 3, 4]) { creation in
                try accept(H5Pset_chunk(creation, 1, [4]))
                try accept(H5Pset_scaleoffset(creation, H5Z_SO_INT, 0))
            }
        }
        try expect({ .refusedFilter($0, filter: "5 (nbit)") }) { file in
            try file.dataset("data", [4], of: chdf5_native_int32(), values: [Int32(1), 2, 3, 4]) { creation in
                try accept(H5Pset_chunk(creation, 1, [4]))
                try accept(H5Pset_nbit(creation))
            }
        }
    }

    @Test("deflate, shuffle and fletcher32 are read")
    func acceptedFilters() throws {
        let values = (0..<64).map { Float($0) }
        try MadeFile.reading { file in
            try file.dataset("data", [8, 8], values: values) { creation in
                try accept(H5Pset_chunk(creation, 2, [3, 5]))
                try accept(H5Pset_shuffle(creation))
                try accept(H5Pset_deflate(creation, 6))
                try accept(H5Pset_fletcher32(creation))
            }
            try file.dataset("flat", [8, 8], values: values)
        } then: { root throws in
            let (data, flat) = (try root.dataset("data"), try root.dataset("flat"))
            #expect(try data.readFloats() == values)
            #expect([data.rowsPerChunk, flat.rowsPerChunk] == [3, 1])
        }
    }

    @Test("a compressed shape of more than 1,000 times its stored bytes is refused")
    func shapeBomb() throws {
        // One chunk of 4 MB is stored in about 4 kB; the other 99 are not there.
        try MadeFile.reading { file in
            let dataset = try file.dataset("data", [100, 1 << 20], settings: deflated([1, 1 << 20]))
            let row = [Float](repeating: 0, count: 1 << 20)
            let memory = try accept(H5Screate_simple(1, [hsize_t(row.count)], nil))
            let stored = try accept(H5Dget_space(dataset))
            try accept(
                H5Sselect_hyperslab(stored, H5S_SELECT_SET, [0, 0], nil, [1, hsize_t(row.count)], nil))
            try accept(H5Dwrite(dataset, chdf5_native_float(), memory, stored, chdf5_default(), row))
        } then: { root throws in
            let error = #expect(throws: HDF5Error.self) { try root.dataset("data") }
            guard case .tooLarge(let place, let found, let limit)? = error else {
                Issue.record("\(String(describing: error)) is not tooLarge")
                return
            }
            #expect(place == HDF5Location(in: root, "/data"))
            #expect(found == 100 << 22)
            #expect(limit < found && limit % 1_000 == 0)
        }
    }

    @Test("a chunk that is far larger than the dataset is refused")
    func chunkBomb() throws {
        try MadeFile.reading { file in
            // A chunk may be larger than the dataset only where that can grow.
            let space = try accept(H5Screate_simple(1, [1], [chdf5_unlimited()]))
            let creation = try accept(H5Pcreate(chdf5_dataset_create_class()))
            try deflated([1 << 24])(creation)
            let dataset = try accept(
                H5Dcreate2(
                    file.id, "data", chdf5_native_float(), space, chdf5_default(), creation, chdf5_default()))
            try accept(
                H5Dwrite(dataset, chdf5_native_float(), chdf5_all(), chdf5_all(), chdf5_default(), [Float(1)])
            )
        } then: { root throws in
            let error = #expect(throws: HDF5Error.self) { try root.dataset("data") }
            guard case .tooLarge(_, found: 1 << 26, _)? = error else {
                Issue.record("\(String(describing: error)) is not tooLarge")
                return
            }
        }
    }

    @Test("a shape without stored values is refused, contiguous or in chunks")
    func neverAllocated() throws {
        try expect({ .neverAllocated($0, shape: [4, 2]) }) { _ = try $0.dataset("data", [4, 2]) }
        try expect({ .neverAllocated($0, shape: [4, 2]) }) {
            try $0.dataset("data", [4, 2], settings: deflated([2, 2]))
        }
    }

    @Test("all datasets together may need so many bytes for each byte of the file, and some more")
    func expansion() throws {
        let zeros = [Float](repeating: 0, count: 10_000)
        try MadeFile.reading { file in
            try file.dataset("a", [10_000], values: zeros, settings: deflated([10_000]))
            try file.dataset("b", [10_000], values: zeros, settings: deflated([10_000]))
        } then: { root throws in
            var limits = HDF5Limits()
            (limits.expansion, limits.allowance) = (1, 80_000 - root.file.byteCount)
            let generous = try HDF5File(reading: root.file.path, limits: limits).root
            for name in ["a", "b"] { _ = try generous.dataset(name) }
            limits.allowance -= 1
            let strict = try HDF5File(reading: root.file.path, limits: limits).root
            _ = try strict.dataset("a")
            #expect(throws: HDF5Error.totalTooLarge(HDF5Location(in: root, "/b"), limit: 79_999)) {
                try strict.dataset("b")
            }
        }
    }

    @Test("filter plugins are not loaded, whatever the environment says")
    func plugins() { #expect(!Library.loadsPlugins) }

    @Test("all datasets together may need as many bytes as the limit and no more; each counts once")
    func totalTooLarge() throws {
        var limits = HDF5Limits()
        limits.totalBytes = 32
        try MadeFile.reading(limits: limits) { file in
            for name in ["a", "b", "c"] {
                try file.dataset(name, [4], values: [Float](repeating: 1, count: 4))
            }
        } then: { root throws in
            for name in ["a", "b", "a", "b"] { _ = try root.dataset(name) }
            #expect(throws: HDF5Error.totalTooLarge(HDF5Location(in: root, "/c"), limit: 32)) {
                try root.dataset("c")
            }
        }
    }

    @Test("extents whose product is no number are refused")
    func shapeOverflow() throws {
        let extents = [1 << 40, 1 << 40]
        try expect({ .shapeOverflow($0, extents: extents.map(UInt64.init)) }) { file in
            try file.dataset("data", extents, settings: deflated([1, 1]))
        }
    }

    @Test("a null dataspace is refused")
    func nullDataspace() throws {
        try expect({ .wrongObject($0, found: "a null dataspace", expected: "a shape") }) {
            try $0.dataset("data", nil)
        }
    }

    @Test(
        "elements that are no plain numbers are refused",
        arguments: ["a string", "a compound", "an enumeration", "an array", "opaque bytes"])
    func wrongTypes(words: String) throws {
        try expectWrongType(words) { file in
            let byte = chdf5_native_uint8()
            let type: hid_t
            switch words {
            case "a string": type = try stringType(8)
            case "a compound":
                type = try accept(H5Tcreate(H5T_COMPOUND, 8))
                try accept(H5Tinsert(type, "x", 0, chdf5_native_float()))
            case "an enumeration":
                type = try accept(H5Tenum_create(byte))
                var one: UInt8 = 1
                try accept(H5Tenum_insert(type, "ONE", &one))
            case "an array": type = try accept(H5Tarray_create2(byte, 1, [8]))
            default: type = try accept(H5Tcreate(H5T_OPAQUE, 8))
            }
            try file.dataset("data", [1], of: type, values: [UInt8](repeating: 1, count: 8))
        }
    }

    @Test("numbers of odd layouts are refused")
    func oddNumbers() throws {
        try expectWrongType("a 32-bit integer of an unusual layout") { file in
            let type = try accept(H5Tcopy(chdf5_native_int32()))
            try accept(H5Tset_precision(type, 17))
            try file.dataset("data", [1], of: type, values: [Int32(1)])
        }
        try expectWrongType("a 32-bit float of an unusual layout") { file in
            let type = try accept(H5Tcopy(chdf5_native_float()))
            try accept(H5Tset_ebias(type, 100))
            try file.dataset("data", [1], of: type, values: [Float(1)])
        }
    }

    private func expectWrongType(_ words: String, make: (MadeFile) throws -> Void) throws {
        try expect(
            { .wrongType($0, found: words, expected: "floats or integers of 8 to 64 bits") }, make: make)
    }

    /// Expects an error at `/data`, opened by name and in a walk.
    private func expect(
        _ error: (HDF5Location) -> HDF5Error, make: (MadeFile) throws -> Void
    ) throws {
        try MadeFile.reading(make: make) { root throws in
            let expected = error(HDF5Location(in: root, "/data"))
            #expect(throws: expected) { try root.dataset("data") }
            #expect(throws: expected) { try root.datasets() }
        }
    }
}
