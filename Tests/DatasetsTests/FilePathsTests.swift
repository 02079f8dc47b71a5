import Datasets
import Testing

@Suite struct FilePathsTests {
    @Test("Paths come out as they went in", arguments: [[], [""], ["a/ä.jpg", "", "数/字 1.png", "z"]])
    func keepsPaths(paths: [String]) {
        let list = FilePaths(paths)
        #expect(Array(list) == paths && list.count == paths.count)
        #expect(Array(list.reversed()) == paths.reversed())
    }
}
