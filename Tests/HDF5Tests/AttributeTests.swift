import CHDF5
import Foundation
import HDF5
import TestSupport
import Testing

/// Attributes are read in every form that Keras, h5py and libhdf5's own tools write.
struct AttributeTests {
    @Test("strings of fixed length lose their padding and nothing else")
    func fixedStrings() throws {
        try MadeFile.reading { file in
            for (name, padding, text) in [
                ("null", H5T_STR_NULLPAD, "a b \0c\0\0\0\0"), ("space", H5T_STR_SPACEPAD, "a b  c    "),
                ("terminated", H5T_STR_NULLTERM, "a b \0c\0xyz"),
            ] {
                let type = try stringType(5, padding: padding)
                try file.attribute(name, [2], type: type, values: Array(text.utf8))
            }
        } then: { root throws in
            #expect(try root.attributes.strings("null") == ["a b ", "c"])
            #expect(try root.attributes.strings("space") == ["a b", "c"])
            #expect(try root.attributes.strings("terminated") == ["a b ", "c"])
        }
    }

    @Test("strings of their own lengths are read, of datasets too")
    func variableStrings() throws {
        try MadeFile.reading { file in
            let type = try stringType(chdf5_variable_size(), padding: H5T_STR_NULLTERM)
            let dataset = try file.dataset("data", [1], values: [Float(1)])
            try "Grüße".withCString {
                try file.attribute("greeting", of: dataset, [], type: type, values: [$0])
            }
        } then: { root throws in
            let attributes = try root.dataset("data").attributes
            #expect(try attributes.names() == ["greeting"])
            #expect(try attributes.string("greeting") == "Grüße")
            #expect(try attributes.stringForm("greeting")?.isVariable == true)
            #expect(try attributes.stringForm("greeting")?.isScalar == true)
        }
    }

    @Test("bytes that are not UTF-8 become U+FFFD")
    func malformed() throws {
        try MadeFile.reading {
            try $0.attribute("text", [1], type: stringType(3), values: [0x41, 0xFF, 0x42] as [UInt8])
        } then: { root throws in
            #expect(try root.attributes.strings("text") == ["A\u{FFFD}B"])
        }
    }

    @Test("an empty list of names is empty, whatever type it has", arguments: [[0], nil])
    func empty(extents: [Int]?) throws {
        try MadeFile.reading {
            try $0.attribute("weight_names", extents, type: chdf5_native_double(), values: [Double]())
        } then: { root throws in
            #expect(try root.attributes.strings("weight_names").isEmpty)
        }
    }

    @Test("numbers are read from either byte order")
    func numbers() throws {
        try MadeFile.reading { file in
            try file.attribute(
                "ints", [2], type: chdf5_big_endian_int64(), values: [3.bigEndian, (-4).bigEndian])
            try file.attribute("float", [], type: chdf5_native_float(), values: [Float(0.5)])
        } then: { root throws in
            #expect(try root.attributes.ints("ints") == [3, -4])
            #expect(try root.attributes.floats("ints") == [3, -4])
            #expect(try root.attributes.floats("float") == [0.5])
        }
    }

    @Test("an attribute that is not there is told by name")
    func missing() throws {
        try MadeFile.reading {
            try $0.group("a")
        } then: { root throws in
            let attributes = try root.group("a").attributes
            #expect(try !attributes.contains("config"))
            #expect(
                throws: HDF5Error.attributeMissing(HDF5Location(in: root, "/a"), name: "config")
            ) { try attributes.string("config") }
        }
    }

    @Test("an attribute over the limit is refused before it is read, however its strings are stored")
    func tooLarge() throws {
        var limits = HDF5Limits()
        limits.attributeBytes = 24
        try MadeFile.reading(limits: limits) { file in
            try file.attribute(
                "fixed", [5], type: stringType(5), values: Array("aaaaabbbbbcccccdddddeeeee".utf8))
            let variable = try stringType(chdf5_variable_size(), padding: H5T_STR_NULLTERM)
            try String(repeating: "x", count: 25).withCString {
                try file.attribute("variable", [], type: variable, values: [$0])
            }
            try file.attribute(
                "bytes", [4], type: chdf5_native_uint8(), values: [UInt8](repeating: 1, count: 4))
        } then: { root throws in
            func error(_ name: String, _ found: Int) -> HDF5Error {
                .attributeTooLarge(HDF5Location(in: root), name: name, found: found, limit: 24)
            }
            #expect(throws: error("fixed", 25)) { try root.attributes.strings("fixed") }
            #expect(throws: error("variable", 25)) { try root.attributes.string("variable") }
            #expect(throws: error("bytes", 32)) { try root.attributes.ints("bytes") }
        }
    }

    @Test("the lengths of all strings together count before any is read", arguments: [90, 89])
    func totalLength(limit: Int) throws {
        var limits = HDF5Limits()
        limits.attributeBytes = limit
        let name = String(repeating: "x", count: 30)
        try MadeFile.reading(limits: limits) { file in
            let variable = try stringType(chdf5_variable_size(), padding: H5T_STR_NULLTERM)
            try name.withCString { try file.attribute("names", [3], type: variable, values: [$0, $0, $0]) }
            // Never written: null references, which are empty strings.
            try file.attribute("none", [2], type: variable, values: [UnsafePointer<CChar>]())
        } then: { root throws in
            #expect(try root.attributes.strings("none") == ["", ""])
            guard limit < 90 else {
                #expect(try root.attributes.strings("names") == [name, name, name])
                return
            }
            let error = HDF5Error.attributeTooLarge(
                HDF5Location(in: root), name: "names", found: 90, limit: limit)
            #expect(throws: error) { try root.attributes.strings("names") }
        }
    }

    @Test("characters count with the bytes that the file says they have")
    func largeCharacters() throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/made.h5"
            try MadeFile.write(to: path) { file in
                let variable = try stringType(chdf5_variable_size(), padding: H5T_STR_NULLTERM)
                try String(repeating: "x", count: 2_049).withCString {
                    try file.attribute("name", [], type: variable, values: [$0])
                }
            }
            // The type of a string of variable length: 16 bytes in the file, of unsigned integers of 1 byte and 8 bits.
            // They become 8,192 bytes and 65,535 bits: libhdf5 1.14 refuses integers of few bits in many bytes.
            var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            let type: [UInt8] = [0x10, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]
            let places = bytes.indices.dropLast(type.count).filter {
                bytes[$0..<$0 + type.count].elementsEqual(type)
            }
            try #require(places.count == 1)
            bytes.replaceSubrange(places[0] + 8..<places[0] + 16, with: [0, 0x20, 0, 0, 0, 0, 0xFF, 0xFF])
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let root = try HDF5File(reading: path).root
            let error = HDF5Error.attributeTooLarge(
                HDF5Location(in: root), name: "name", found: 2_049 << 13, limit: 16 << 20)
            #expect(throws: error) { try root.attributes.string("name") }
        }
    }

    /// What is changed in the heap of a file, which stands at an address behind its signature, and what is said of it.
    private static let damages: [(at: Int, byte: UInt8, reason: @Sendable (Int) -> String)] = [
        // The first object's length, as the library would copy it over what stands behind five bytes.
        (24, 8, { "refers to 5 bytes in the heap at \($0), whose object 1 has 8" }),
        (16, 7, { "refers to object 1 of the heap at \($0), which is not there" }),
        (0, 0, { "refers to a heap at \($0) that is damaged" }),
        // Another version, a length beyond the file, an object that ends behind the collection.
        (4, 2, { "refers to a heap at \($0) that is damaged" }),
        (14, 1, { "refers to a heap at \($0) that is damaged" }),
        (26, 1, { "refers to a heap at \($0) that is damaged" }),
        // Free space without a length, over which the library never comes.
        (40, 0, { "refers to a heap at \($0) that is damaged" }),
    ]

    @Test(
        "strings of their own lengths that are not in the file as it says are refused before the library copies them",
        arguments: damages.indices, [0, 512])
    func damagedHeap(damage: Int, userBlock: Int) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/made.h5"
            try MadeFile.write(to: path, userBlock: userBlock) { file in
                let variable = try stringType(chdf5_variable_size(), padding: H5T_STR_NULLTERM)
                try "three".withCString { try file.attribute("name", [1], type: variable, values: [$0]) }
            }
            #expect(try HDF5File(reading: path).root.attributes.string("name") == "three")
            var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            let heap = try #require(bytes.firstRange(of: Array("GCOL".utf8))?.lowerBound)
            let (place, byte, reason) = Self.damages[damage]
            // An object of five bytes takes 16 + 8, and free space follows.
            try #require(bytes[heap + 40] == 0 && bytes[(heap + 48)...].prefix(8).contains { $0 != 0 })
            if place == 40 {
                bytes.replaceSubrange(heap + 48..<heap + 56, with: [UInt8](repeating: 0, count: 8))
            } else {
                bytes[heap + place] = byte
            }
            let error = { (path: String) in
                HDF5Error.damagedAttribute(
                    HDF5Location(file: path), name: "name", reason: reason(heap - userBlock))
            }
            #expect(throws: error("inside.h5")) {
                guard userBlock == 0 else { throw error("inside.h5") }
                _ = try HDF5File(image: bytes, named: "inside.h5").root.attributes.string("name")
            }
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(throws: error(path)) { try HDF5File(reading: path).root.attributes.string("name") }
        }
    }

    @Test(
        "many names keep their order, by creation or by their bytes, in groups of every kind",
        arguments: [3, 40])
    func namesInOrder(count: Int) throws {
        let names = (0..<count).map { "n\($0 * 11 % count)" }
        for tracksOrder in [false, true] {
            try MadeFile.reading(tracksOrder: tracksOrder) { file in
                for name in names { try file.group(name) }
                let group = try file.group("attributes \(count)")
                for name in names {
                    try file.attribute(name, of: group, [1], type: chdf5_native_float(), values: [Float(1)])
                }
            } then: { root throws in
                let found = try root.names().filter { $0.hasPrefix("n") }
                #expect(found == (tracksOrder ? names : names.sorted()))
                #expect(
                    try root.group("attributes \(count)").attributes.names().sorted() == names.sorted())
            }
        }
    }

    @Test("an attribute of another type or number says what it is")
    func wrongAttribute() throws {
        try MadeFile.reading { file in
            try file.attribute("names", [2], type: stringType(1), values: Array("ab".utf8))
            try file.attribute("half", [1], type: chdf5_native_float(), values: [Float(0.5)])
        } then: { root throws in
            func error(_ name: String, _ found: String, _ expected: String) -> HDF5Error {
                .wrongAttribute(HDF5Location(in: root), name: name, found: found, expected: expected)
            }
            let attributes = root.attributes
            #expect(throws: error("names", "2 strings", "one string")) { try attributes.string("names") }
            #expect(throws: error("names", "a string", "numbers")) { try attributes.floats("names") }
            #expect(throws: error("half", "float32", "integers")) { try attributes.ints("half") }
            #expect(throws: error("half", "float32", "strings")) { try attributes.strings("half") }
            #expect(try attributes.stringForm("half") == nil)
        }
    }
}
