import Testing

@testable import Tensors

@Suite("lists in sentences")
struct ListingTests {
    @Test(
        "three are named, and how many more there are",
        arguments: [
            (0, ""), (1, "c1"), (3, "c1, c2, c3"), (4, "c1, c2, c3, … and 1 more"),
            (31, "c1, c2, c3, … and 28 more"),
        ])
    func three(count: Int, expected: String) {
        let names = (0..<count).map { "c\($0 + 1)" }
        #expect(names.listed() == expected)
        #expect(names.listed(.max) == names.joined(separator: ", "))
    }

    @Test("numbers and parts of lists are named too")
    func others() {
        #expect([1.5, 2].listed() == "1.5, 2.0" && [1, 2, 3].dropFirst().listed(1) == "2, … and 1 more")
    }
}
