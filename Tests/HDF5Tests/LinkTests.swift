import CHDF5
import HDF5
import TestSupport
import Testing

/// Which objects are reached, in which order, and which links are refused.
struct LinkTests {
    @Test("a soft link is refused")
    func softLink() throws {
        try expectRefusal("a soft link") { file in
            try file.dataset("real", [1], values: [Float(1)])
            try accept(H5Lcreate_soft("/real", file.id, "link", chdf5_default(), chdf5_default()))
        }
    }

    @Test("an external link is refused, without a look at the file it names")
    func externalLink() throws {
        try expectRefusal("an external link") { file in
            try accept(
                H5Lcreate_external("/etc/passwd", "/", file.id, "link", chdf5_default(), chdf5_default()))
        }
    }

    @Test("a group inside itself is refused")
    func cycle() throws {
        try MadeFile.reading { file in
            let group = try file.group("a")
            try file.group("a/b")
            try accept(H5Lcreate_hard(group, ".", file.id, "a/b/again", chdf5_default(), chdf5_default()))
        } then: { root throws in
            let error = HDF5Error.cycle(HDF5Location(in: root, "/a/b/again"), sameAs: "/a")
            #expect(throws: error) { try root.group("a/b/again") }
            #expect(throws: error) { try root.datasets() }
        }
    }

    @Test("the root group inside itself is refused")
    func rootCycle() throws {
        try MadeFile.reading { file in
            try accept(H5Lcreate_hard(file.id, "/", file.id, "again", chdf5_default(), chdf5_default()))
        } then: { root throws in
            #expect(throws: HDF5Error.cycle(HDF5Location(in: root, "/again"), sameAs: "/")) {
                try root.group("again")
            }
        }
    }

    @Test("groups may be nested to the limit and no deeper")
    func depth() throws {
        var limits = HDF5Limits()
        limits.depth = 3
        try MadeFile.reading(limits: limits) { file in
            for path in ["a", "a/b", "a/b/c"] { try file.group(path) }
        } then: { root throws in
            _ = try root.group("a/b")
            #expect(throws: HDF5Error.tooDeep(HDF5Location(in: root, "/a/b/c"), limit: 3)) {
                try root.group("a/b/c")
            }
        }
    }

    @Test("a dataset under two names is refused in a walk, and read by name")
    func twoNames() throws {
        try MadeFile.reading { file in
            let dataset = try file.dataset("one", [1], values: [Float(7)])
            try accept(H5Lcreate_hard(dataset, ".", file.id, "two", chdf5_default(), chdf5_default()))
        } then: { root throws in
            #expect(throws: HDF5Error.twoNames(HDF5Location(in: root, "/two"), first: "/one")) {
                try root.datasets()
            }
            #expect(try root.dataset("two").readFloats() == [7])
        }
    }

    @Test("more objects than the limit are refused, in one group and in a walk")
    func tooManyObjects() throws {
        var limits = HDF5Limits()
        limits.objects = 3
        try MadeFile.reading(limits: limits) { file in
            for path in ["a", "b", "a/1", "a/2", "a/3", "a/4"] { try file.group(path) }
        } then: { root throws in
            #expect(throws: HDF5Error.tooManyObjects(HDF5Location(in: root, "/a"), limit: 3)) {
                try root.group("a").names()
            }
            #expect(throws: HDF5Error.tooManyObjects(HDF5Location(in: root, "/a"), limit: 3)) {
                try root.datasets()
            }
        }
    }

    @Test("a name that is not UTF-8 is refused")
    func malformedName() throws {
        try MadeFile.reading { file in
            let name = [0xFF, 0xFE, 0].map { CChar(truncatingIfNeeded: $0) }
            let group = H5Gcreate2(file.id, name, chdf5_default(), chdf5_default(), chdf5_default())
            try accept(group)
        } then: { root throws in
            #expect(throws: HDF5Error.nameNotUTF8(HDF5Location(in: root))) { try root.names() }
        }
    }

    @Test("a missing object says what was expected in its place")
    func missing() throws {
        try MadeFile.reading { file in
            try file.group("a")
        } then: { root throws in
            #expect(throws: HDF5Error.missing(HDF5Location(in: root, "/a/kernel"), expected: "a dataset")) {
                try root.dataset("a/kernel")
            }
            #expect(throws: HDF5Error.missing(HDF5Location(in: root, "/b"), expected: "a group")) {
                try root.dataset("b/kernel")
            }
        }
    }

    @Test("objects of another kind are told apart")
    func wrongObject() throws {
        try MadeFile.reading { file in
            try file.group("group")
            try file.dataset("data", [1], values: [Float(1)])
            let type = try stringType(4)
            try accept(H5Tcommit2(file.id, "type", type, chdf5_default(), chdf5_default(), chdf5_default()))
        } then: { root throws in
            func error(_ path: String, _ found: String, _ expected: String) -> HDF5Error {
                .wrongObject(HDF5Location(in: root, path), found: found, expected: expected)
            }
            #expect(throws: error("/group", "a group", "a dataset")) { try root.dataset("group") }
            #expect(throws: error("/data", "a dataset", "a group")) { try root.group("data") }
            #expect(throws: error("/data", "a dataset", "a group")) { try root.group("data/deeper") }
            #expect(throws: error("/type", "a named datatype", "a group or dataset")) {
                try root.child("type")
            }
        }
    }

    @Test(
        "paths that mean something else to libhdf5 lead nowhere",
        arguments: ["", ".", "/", "a/", "/a", "a/./b"])
    func oddPaths(path: String) throws {
        try MadeFile.reading { file in
            try file.group("a")
            try file.group("a/b")
        } then: { root throws in
            #expect(throws: HDF5Error.self) { try root.child(path) }
        }
    }

    @Test("names come as created where the file tracks that, otherwise sorted")
    func order() throws {
        for (tracks, names) in [(true, ["b", "a", "c"]), (false, ["a", "b", "c"])] {
            try MadeFile.reading(tracksOrder: tracks) { file in
                for name in ["b", "a", "c"] { try file.group(name) }
            } then: { root throws in
                #expect(try root.names() == names)
                #expect(try root.contains("c"))
                #expect(try !root.contains("d"))
            }
        }
    }

    @Test("a walk gives datasets depth first and skips what it is told to")
    func walk() throws {
        try MadeFile.reading { file in
            for path in ["b", "b/c", "z"] { try file.group(path) }
            for path in ["a", "b/c/d", "b/e", "z/f"] { try file.dataset(path, [1], values: [Float(1)]) }
        } then: { root throws in
            #expect(try root.datasets(skipping: ["z"]).map(\.path) == ["a", "b/c/d", "b/e"])
        }
    }

    private func expectRefusal(_ kind: String, _ make: (MadeFile) throws -> Void) throws {
        try MadeFile.reading(make: make) { root in
            let error = HDF5Error.refusedLink(HDF5Location(in: root, "/link"), kind: kind)
            #expect(throws: error) { try root.child("link") }
            #expect(throws: error) { try root.datasets() }
        }
    }
}
