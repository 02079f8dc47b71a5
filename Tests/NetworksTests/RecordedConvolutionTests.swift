import Tensors
import Testing

@testable import Networks

@Suite("Classes of convolutions in files of whole modules")
struct RecordedConvolutionTests {
    private static func convolution(_ className: String, groups: Int = 1) -> RecordedModule {
        RecordedModule(
            className: className, library: "torch.nn.modules.conv",
            settings: ["groups": .number(Double(groups)), "stride": .numbers([1, 1])])
    }

    private func recognized(_ module: RecordedModule?, kernel: [Int]) throws -> Network {
        let norm = ["weight", "bias", "running_mean", "running_var"].map { ("block.1.\($0)", [8]) }
        let parameters = table([("block.0.weight", kernel)] + norm)
        return try recognizeNames(
            parameters: parameters,
            facts: GivenFacts(modules: module.map { ["block.0": $0] } ?? [:])
        ).network
    }

    @Test("a transposed convolution of odd size and equal channels is none to standardize")
    func transposed() throws {
        let kernel = [8, 8, 3, 3]
        #expect(try recognized(nil, kernel: kernel).possiblePairs["block.1"]?.convolution == "block.0")
        let plain = try recognized(Self.convolution("Conv2d"), kernel: kernel)
        #expect(plain.possiblePairs["block.1"]?.convolution == "block.0")
        let transposed = try recognized(Self.convolution("ConvTranspose2d"), kernel: kernel)
        #expect(transposed.possiblePairs["block.1"] == nil)
        #expect(!transposed.nodes.contains { $0.layer == "block.0" })
    }

    @Test("a recorded class leaves no doubt about layout and groups")
    func doubts() throws {
        let even = try recognized(Self.convolution("Conv2d"), kernel: [8, 8, 2, 2])
        #expect(even.convolutions.map(\.doubt) == [nil])
        let grouped = try recognized(Self.convolution("Conv2d", groups: 4), kernel: [8, 2, 3, 3])
        #expect(grouped.convolutions.map(\.groups) == [4])
        #expect(grouped.convolutions.map(\.inputs) == [8])
    }

    @Test(
        "groups that do not fit the kernel leave the norm without a convolution",
        arguments: [3, 0, -1, 1 << 62]
    )
    func wrongGroups(groups: Int) throws {
        let network = try recognized(Self.convolution("Conv2d", groups: groups), kernel: [8, 2, 3, 3])
        #expect(network.convolutions.isEmpty)
        #expect(network.nodes.contains { $0.layer == "block.1" })
    }
}

extension Network {
    fileprivate var convolutions: [Convolution] {
        nodes.compactMap { if case .convolution(let convolution) = $0.operation { convolution } else { nil } }
    }
}
