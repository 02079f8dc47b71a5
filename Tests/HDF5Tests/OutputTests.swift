import CHDF5
import Foundation
import HDF5
import TestSupport
import Testing

/// What `HDF5Output` writes is read back through this module.
struct OutputTests {
    @Test("a copied dataset keeps values, type, filters and attributes")
    func copy() throws {
        try rewrite { file in
            let data = try file.dataset(
                "data", [2, 2], of: swapped(chdf5_native_double()),
                values: [1.0, 2, 3, 4].map(\.bitPattern.bigEndian), settings: deflated([1, 2]))
            try file.attribute("unit", of: data, [1], type: stringType(3), values: Array("m/s".utf8))
        } write: { root, output in
            try output.copy(root.dataset("data"), to: "a/b/data")
        } then: { root throws in
            let data = try root.dataset("a/b/data")
            #expect(data.elementType == .float64)
            #expect(try data.readFloats() == [1, 2, 3, 4])
            #expect(try data.attributes.strings("unit") == ["m/s"])
        }
    }

    @Test("replaced values take the old type, rounded to nearest even, and the old attributes")
    func replace() throws {
        try rewrite { file in
            let half = try accept(chdf5_make_float16(5, 10, 15))
            let data = try file.dataset("data", [4], of: half, values: [UInt16](repeating: 0x3C00, count: 4))
            try file.attribute("unit", of: data, [1], type: stringType(3), values: Array("m/s".utf8))
        } write: { root, output in
            let values: [Float] = [0.5, 2049, 2051, -65504]
            try output.write(values, to: "data", replacing: root.dataset("data"))
        } then: { root throws in
            let data = try root.dataset("data")
            #expect(data.elementType == .float16)
            #expect(try data.readFloats() == [0.5, 2048, 2052, -65504])
            #expect(try data.attributes.strings("unit") == ["m/s"])
        }
    }

    @Test("a new dataset takes its neighbour's type and a shape of its own")
    func insert() throws {
        try rewrite { file in
            try file.dataset(
                "data", [2], of: chdf5_big_endian_float(), values: [Float(1), 2].map(\.bitPattern.bigEndian))
        } write: { root, output in
            try output.write([5, 6, 7], shape: [3, 1], to: "x/new", like: root.dataset("data"))
        } then: { root throws in
            let data = try root.dataset("x/new")
            #expect(data.shape == [3, 1])
            #expect(data.elementType == .float32)
            #expect(try data.readFloats() == [5, 6, 7])
        }
    }

    @Test("values of another number than the shape's are refused")
    func wrongCount() throws {
        try rewrite {
            try $0.dataset("data", [2], values: [Float(1), 2])
        } write: { root, output in
            let dataset = try root.dataset("data")
            #expect(throws: HDF5Error.self) { try output.write([1], to: "data", replacing: dataset) }
            #expect(throws: HDF5Error.self) { try output.write([1], shape: [2], to: "new", like: dataset) }
        } then: { _ in
        }
    }

    @Test("groups keep the order of their links, and the root group too", arguments: [true, false])
    func order(tracks: Bool) throws {
        let names = ["b", "a", "c"]
        try rewrite(tracksOrder: tracks) { file in
            try file.group("g", tracksOrder: tracks)
            for name in names { try file.dataset("g/" + name, [1], values: [Float(1)]) }
        } write: { root, output in
            let group = try root.group("g")
            try output.createGroup("g", like: group)
            for name in try group.names() { try output.copy(group.dataset(name), to: "g/" + name) }
            for name in names { try output.createGroup(name, like: group) }
        } then: { root throws in
            #expect(try root.group("g").names() == (tracks ? names : names.sorted()))
            #expect(try root.names() == (tracks ? ["g"] + names : ["a", "b", "c", "g"]))
        }
    }

    @Test("attributes are copied in every form, except those named")
    func attributes() throws {
        try rewrite { file in
            let variable = try stringType(chdf5_variable_size(), padding: H5T_STR_NULLTERM)
            try "{}".withCString { try file.attribute("config", [], type: variable, values: [$0]) }
            try file.attribute("names", [2], type: stringType(2), values: Array("a\0bc".utf8))
            try file.attribute("empty", [0], type: chdf5_native_double(), values: [Double]())
            try file.attribute("null", nil, type: chdf5_native_double(), values: [Double]())
            try file.attribute("old", [], type: chdf5_native_float(), values: [Float(1)])
        } write: { root, output in
            try output.copyAttributes(of: root, to: "/", except: ["old"])
        } then: { root throws in
            let attributes = root.attributes
            #expect(try attributes.names() == ["config", "empty", "names", "null"])
            #expect(try attributes.string("config") == "{}")
            #expect(try attributes.stringForm("config")?.isVariable == true)
            #expect(try attributes.strings("names") == ["a", "bc"])
            #expect(try attributes.floats("empty").isEmpty)
        }
    }

    @Test("records and lists with parts of variable length, whose lengths nobody checks, are not copied")
    func nestedLengths() throws {
        for isList in [false, true] {
            try rewrite { file in
                let string = try stringType(chdf5_variable_size(), padding: H5T_STR_NULLTERM)
                var type = try accept(H5Tvlen_create(string))
                if !isList {
                    type = try accept(H5Tcreate(H5T_COMPOUND, 8))
                    try accept(H5Tinsert(type, "name", 0, string))
                }
                try file.attribute("nested", [1], type: type, values: [UnsafePointer<CChar>]())
            } write: { root, output in
                #expect(
                    throws: HDF5Error.wrongAttribute(
                        HDF5Location(in: root), name: "nested",
                        found: isList ? "a variable-length sequence" : "a compound",
                        expected: isList
                            ? "strings or lists of numbers"
                            : "strings, numbers, or lists or records of numbers")
                ) { try output.copyAttributes(of: root, to: "/") }
            } then: { root throws in
                #expect(try root.attributes.names().isEmpty)
            }
        }
    }

    @Test("strings are written in the form asked for", arguments: [true, false])
    func strings(isVariable: Bool) throws {
        let form: Attributes.StringForm = isVariable ? .variableUTF8 : .fixedASCII
        let names = ["kernel:0", "", "bias:0"]
        try rewrite { _ in
        } write: { _, output in
            try output.write(names, toAttribute: "names", of: "/", form: form)
            try output.write([], toAttribute: "none", of: "/", form: form)
            try output.write(["one"], toAttribute: "one", of: "/", form: form)
        } then: { root throws in
            #expect(try root.attributes.strings("names") == names)
            #expect(try root.attributes.strings("none").isEmpty)
            #expect(try root.attributes.string("one") == "one")
            #expect(try root.attributes.stringForm("one") == form)
        }
    }

    @Test("a closed output takes nothing more")
    func closed() throws {
        try rewrite {
            try $0.dataset("data", [1], values: [Float(1)])
        } write: { root, output in
            try output.close()
            #expect(throws: HDF5Error.self) { try output.copy(root.dataset("data"), to: "data") }
        } then: { _ in
        }
    }

    @Test("an output in a folder that is not there names the file and the system's reason")
    func noFolder() throws {
        let model = try HDF5File(reading: TestFiles.fixture("mnist-resnet.torch.h5"))
        #expect(
            throws: HDF5Error.systemFailure(
                HDF5Location(file: "/no/such/out.h5"), action: "creating the file",
                reason: "No such file or directory")
        ) { try HDF5Output(creating: "/no/such/out.h5", like: model) }
    }

    /// Makes a file, writes another after its model, and reads that.
    private func rewrite(
        tracksOrder: Bool = false, _ make: (MadeFile) throws -> Void,
        write: (Group, HDF5Output) throws -> Void, then: (Group) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            try MadeFile.write(to: folder + "/model.h5", tracksOrder: tracksOrder, make)
            let model = try HDF5File(reading: folder + "/model.h5")
            let path = folder + "/output.h5"
            let output = try HDF5Output(creating: path, like: model)
            try write(model.root, output)
            try? output.close()
            try then(HDF5File(reading: path).root)
        }
    }
}
