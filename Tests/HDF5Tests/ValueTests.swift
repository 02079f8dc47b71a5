import CHDF5
import Tensors
import TestSupport
import Testing

import Tensors

@testable import HDF5

/// Values are read right whatever their type and byte order.
struct ValueTests {
    @Test("every type is recognised and read in both byte orders", arguments: ElementType.allCases)
    func everyKind(kind: ElementType) throws {
        let values: [Float] = [0, 1, 2, 3, 64, 127]
        try MadeFile.reading { file in
            let native = try kind.nativeType(HDF5Location(file: ""))
            let other = try swapped(native.id)
            for (name, type) in [("native", native.id), ("swapped", other)] {
                try file.dataset(name, [2, 3], of: type, values: values, memory: chdf5_native_float())
            }
        } then: { root throws in
            for name in ["native", "swapped"] {
                let dataset = try root.dataset(name)
                #expect(dataset.elementType == kind)
                #expect(dataset.shape == [2, 3])
                #expect(dataset.byteCount == 6 * kind.size)
                #expect(try dataset.readFloats() == values)
                #expect(try dataset.readFloats(rows: 1..<2) == [3, 64, 127])
            }
        }
    }

    @Test(
        "h5py's truth values are 0 and 1 where they are asked for, and other enumerations are refused all the same"
    )
    func booleans() throws {
        func type(_ names: [String]) throws -> hid_t {
            let type = try accept(H5Tenum_create(chdf5_native_int8()))
            for (index, name) in names.enumerated() {
                var value = Int8(index)
                try accept(H5Tenum_insert(type, name, &value))
            }
            return type
        }
        let others = [["TRUE", "FALSE"], ["FALSE"], ["FALSE", "TRUE", "NEITHER"], ["NO", "YES"]]
        try MadeFile.reading { file in
            try file.dataset("data", [4], of: type(["FALSE", "TRUE"]), values: [0, 1, 1, 0] as [Int8])
            for (index, names) in others.enumerated() {
                try file.dataset("other\(index)", [1], of: type(names), values: [0] as [Int8])
            }
        } then: { root throws in
            let dataset = try root.dataset("data", acceptsBooleans: true)
            #expect(try dataset.readInts() == [0, 1, 1, 0])
            #expect(try dataset.readFloats(rows: 1..<3) == [1, 1])
            #expect(throws: HDF5Error.self) { try root.dataset("data") }
            for index in others.indices {
                let expected = HDF5Error.wrongType(
                    HDF5Location(in: root, "/other\(index)"), found: "an enumeration",
                    expected: "floats or integers of 8 to 64 bits")
                #expect(throws: expected) { try root.dataset("other\(index)", acceptsBooleans: true) }
            }
        }
    }

    @Test("all finite binary16 patterns are read as (-1)^s · 1.m · 2^(e-15), in both byte orders")
    func halves() throws {
        let patterns = (0...UInt16.max).filter { $0 & 0x7C00 != 0x7C00 }
        try MadeFile.reading { file in
            let little = try ElementType.float16.nativeType(HDF5Location(file: ""))
            try file.dataset("native", [patterns.count], of: little.id, values: patterns)
            let big = try swapped(little.id)
            try file.dataset("swapped", [patterns.count], of: big, values: patterns.map(\.byteSwapped))
        } then: { root throws in
            let expected = patterns.map { Self.half($0).bitPattern }
            #expect(try root.dataset("native").readFloats().map(\.bitPattern) == expected)
            #expect(try root.dataset("swapped").readFloats().map(\.bitPattern) == expected)
        }
    }

    @Test("infinity and NaN of binary16 stay what they are")
    func halfSpecials() {
        #expect(HalfPrecision.float(half: 0x7C00) == .infinity)
        #expect(HalfPrecision.float(half: 0xFC00) == -.infinity)
        #expect(HalfPrecision.float(half: 0x7E01).isNaN)
    }

    @Test("bfloat16 is the upper half of binary32, in both byte orders")
    func brains() throws {
        let patterns: [UInt16] = [0x0000, 0x8000, 0x3F80, 0xBFC0, 0x4049, 0x0001, 0x7F7F]
        let pi: Float = 3.140625
        let expected = [0, -0.0, 1, -1.5, pi, 0x1p-133, 0x1.FEp127]
        try MadeFile.reading { file in
            let little = try ElementType.bfloat16.nativeType(HDF5Location(file: ""))
            try file.dataset("native", [patterns.count], of: little.id, values: patterns)
            try file.dataset(
                "swapped", [patterns.count], of: try swapped(little.id), values: patterns.map(\.byteSwapped))
        } then: { root throws in
            #expect(try root.dataset("native").readFloats() == expected)
            #expect(try root.dataset("swapped").readFloats() == expected)
        }
    }

    @Test("integers come out whole where Float would round them")
    func wholeIntegers() throws {
        let values = [Int.max, Int.min, 16_777_217, -1]
        try MadeFile.reading { file in
            try file.dataset("native", [4], of: chdf5_native_int64(), values: values)
            try file.dataset("big", [4], of: chdf5_big_endian_int64(), values: values.map(\.bigEndian))
        } then: { root throws in
            #expect(try root.dataset("native").readInts() == values)
            #expect(try root.dataset("big").readInts() == values)
            #expect(try root.dataset("big").readInts(rows: 2..<4) == [16_777_217, -1])
        }
    }

    @Test("floats are not read as integers, nor anything but uint8 as bytes")
    func wrongReaders() throws {
        try MadeFile.reading { file in
            try file.dataset("data", [2], values: [Float(1), 2])
            try file.dataset("bytes", [4, 1], of: chdf5_native_uint8(), values: [UInt8(7), 8, 9, 255])
        } then: { root throws in
            let data = try root.dataset("data")
            let place = HDF5Location(in: root, "/data")
            #expect(throws: HDF5Error.wrongType(place, found: "float32", expected: "integers")) {
                try data.readInts()
            }
            #expect(throws: HDF5Error.wrongType(place, found: "float32", expected: "uint8")) {
                try data.readBytes(rows: 0..<1)
            }
            #expect(try root.dataset("bytes").readBytes(rows: 1..<4) == [8, 9, 255])
        }
    }

    @Test("a scalar has one value and no rows; an empty shape has neither")
    func scalarAndEmpty() throws {
        try MadeFile.reading { file in
            try file.dataset("scalar", [], values: [Float(2.5)])
            try file.dataset("empty", [0, 3])
        } then: { root throws in
            let scalar = try root.dataset("scalar")
            #expect(scalar.shape.isEmpty)
            #expect(try scalar.readFloats() == [2.5])
            #expect(throws: HDF5Error.self) { try scalar.readFloats(rows: 0..<1) }
            #expect(try root.dataset("empty").readFloats().isEmpty)
        }
    }

    @Test("rows and buffers that do not fit are refused")
    func wrongRange() throws {
        try MadeFile.reading {
            try $0.dataset("data", [2, 2], values: [Float(1), 2, 3, 4])
        } then: {
            root throws in
            let data = try root.dataset("data")
            let place = HDF5Location(in: root, "/data")
            for rows in [-1..<1, 0..<3, 3..<3] {
                #expect(
                    throws: HDF5Error.wrongRange(
                        place, found: "rows \(rows)", expected: "rows of shape [2, 2]")
                ) { try data.readFloats(rows: rows) }
            }
            #expect(try data.readFloats(rows: 2..<2).isEmpty)
            var short = [Float](repeating: 0, count: 3)
            #expect(
                throws: HDF5Error.wrongRange(
                    place, found: "a buffer of 12 bytes", expected: "16 bytes")
            ) { try short.withUnsafeMutableBytes { try data.read(as: .float32, into: $0) } }
        }
    }

    /// IEEE 754, table 3.5, in Double: exact.
    private static func half(_ pattern: UInt16) -> Float {
        let exponent = Int(pattern >> 10 & 31)
        let fraction = Double(pattern & 1023) / 1024
        let magnitude =
            exponent == 0
            ? Double(sign: .plus, exponent: -14, significand: 1) * fraction
            : Double(sign: .plus, exponent: exponent - 15, significand: 1) * (1 + fraction)
        return Float(pattern & 0x8000 == 0 ? magnitude : -magnitude)
    }
}
