import Foundation
import NormConvKit
import TestSupport
import Testing

@Suite("the README")
struct ReadmeTests {
    @Test("its example does what the command does")
    func example() async throws {
        try await TestFiles.withTemporaryFolder { folder in
            let (input, output) = (TestFiles.fixture("mnist-resnet.keras3.h5"), folder + "/gn.h5")
            let test = TestFiles.fixture("mnist-test.h5")
            // README: begin
            let model = try Model(input)
            let split = try model.split(test)
            let options = ConversionOptions(groups: .perGroup(8), weightStandardization: .off)
            let gn = try model.converting(options)
            try gn.write(to: output)  // or after: try await gn.calibrated(on: images)

            let before = try await model.evaluated(on: split)
            let after = try await Model(output).evaluated(on: split)
            print("top-1 \(before.top1.value) before, \(after.top1.value) after")
            // README: end
            #expect(before.top1.count == 972)
            #expect(after.top1.value > 0.94)
        }
    }

    @Test("its example is the one that is tested here")
    func exampleIsCurrent() throws {
        let readme = try String(
            contentsOf: TestFiles.root.appendingPathComponent("README.md"), encoding: .utf8)
        let source = try String(contentsOf: URL(fileURLWithPath: #filePath), encoding: .utf8)
        let block = try #require(readme.split(separator: "```swift\n").last?.split(separator: "```").first)
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        let begin = try #require(lines.firstIndex { $0.hasSuffix("// README: begin") })
        let end = try #require(lines.firstIndex { $0.hasSuffix("// README: end") })
        let tested = lines[(begin + 1)..<end].map { $0.trimmingCharacters(in: .whitespaces) }
        let shown = block.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(shown.drop { !$0.hasPrefix("let model") }.prefix(tested.count) == tested[...])
    }
}
