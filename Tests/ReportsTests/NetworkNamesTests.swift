import Testing

@testable import Reports

@Suite("names of networks beside each other")
struct NetworkNamesTests {
    @Test(
        "the shortest end of each path that no other has",
        arguments: [
            (["a/x.h5", "b/y.h5"], ["x.h5", "y.h5"]),
            (["a/model.h5", "b/model.h5"], ["a/model.h5", "b/model.h5"]),
            (["r/a/last/m.h5", "r/b/last/m.h5", "c.h5"], ["a/last/m.h5", "b/last/m.h5", "c.h5"]),
            (["m.h5", "a/m.h5", "/a/m.h5"], ["m.h5", "a/m.h5", "/a/m.h5"]),
            (["m.h5", "./m.h5"], ["m.h5", "./m.h5"]),
            (["a/m.h5", "a/m.h5"], ["m.h5", "m.h5"]),
            (["a/m.h5", "a/m.h5", "b/m.h5"], ["a/m.h5", "a/m.h5", "b/m.h5"]),
            (["x/m.h5 (bf16)", "x/m.h5"], ["m.h5 (bf16)", "m.h5"]),
            (["m.h5"], ["m.h5"]), ([], []),
        ])
    func full(paths: [String], expected: [String]) { #expect(NetworkNames(paths).full == expected) }

    @Test("no two names are the same, whatever the paths", arguments: 0..<40)
    func distinct(seed: Int) {
        // Paths of one to four of three parts each, all of them different.
        let parts = ["a", "b", "model.h5"]
        let paths = Set(
            (0..<30).map { index in
                let number = (index &* 7919 &+ seed &* 104_729) % 1000
                return (0...number % 4).map { parts[(number / [1, 3, 9, 27][$0] + $0) % 3] }.joined(
                    separator: "/")
            }
        ).sorted()
        let names = NetworkNames(paths)
        #expect(Set(names.full).count == paths.count, "\(names.full)")
        for (path, name) in zip(paths, names.full) { #expect(path.hasSuffix(name)) }
        for columns in [4, 8, 12, 22] {
            let short = names.fitting(columns)
            #expect(Set(short).count == paths.count, "\(short)")
            #expect(short.allSatisfy { Columns.count($0) <= columns }, "\(short)")
        }
    }

    @Test(
        "what is shortened stays told apart, by the part that differs where it can be seen",
        arguments: [
            (["a/model.h5", "b/model.h5"], 12, ["a/model.h5", "b/model.h5"]),
            (["a/model.h5", "b/model.h5"], 8, ["a/…el.h5", "b/…el.h5"]),
            (
                ["run-1/checkpoints/last.h5", "run-2/checkpoints/last.h5"], 14,
                ["run-1/…last.h5", "run-2/…last.h5"]
            ),
            (["resnet-20-gn.h5", "resnet-56-gn.h5"], 9, ["…20-gn.h5", "…56-gn.h5"]),
            (["20-resnet-gn.h5", "56-resnet-gn.h5"], 9, ["2…t-gn.h5", "5…t-gn.h5"]),
            (
                ["aaaaaaaaaaaaaaa-1-bbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaa-2-bbbbbbbbbbbbbbb"], 8,
                ["1 …bbbbb", "2 …bbbbb"]
            ),
            (["same.h5", "same.h5"], 5, ["…e.h5", "…e.h5"]),
        ])
    func fitting(paths: [String], columns: Int, expected: [String]) {
        #expect(NetworkNames(paths).fitting(columns) == expected)
    }

    @Test("a column is filled with what the others leave")
    func table() {
        var table = TextTable([("network", .left), ("figure", .right)])
        table.add("", "1")
        table.add("", "1,000,000")
        table.fill(0, width: 20) { room in [String(repeating: "a", count: room), "b"] }
        #expect(table.lines == ["network       figure", "aaaaaaaaa          1", "b          1,000,000"])
        // Eight columns are always left.
        table.fill(0, width: 5) { room in ["\(room)", ""] }
        #expect(table.lines[1].hasPrefix("8 "))
    }

    @Test("a table without rows has no header either")
    func empty() {
        #expect(TextTable([("network", .left), ("figure", .right)]).lines == [])
    }
}
