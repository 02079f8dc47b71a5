import Foundation
import NormConvKit
import TestSupport
import Testing

/// Files that end early: an error or the same values, whatever the place.
@Suite("Truncated files")
struct TruncationTests {
    @Test(
        "a file cut off anywhere is refused in one line, or read as it was",
        arguments: [
            "mnist-resnet.keras2.h5", "mnist-sequential.keras", "mnist-sequential.weights.h5",
            "mnist-sequential.keras2-weights.h5", "mnist-resnet.torch.h5", "mnist-resnet.torch-nested.h5",
            "torchvision-bottleneck.safetensors", "torchvision-bottleneck.pth",
        ])
    func layouts(name: String) throws {
        try check(TestFiles.fixture(name))
    }

    @Test("so is Big Transfer's archive of arrays")
    func numpyArchive() throws {
        try TestFiles.withNamedNetwork("bit.npz") { try check($0) }
    }

    @Test(
        "so are files in layouts that are seldom seen",
        arguments: ["bit-tf2-called.h5", "channels-first.keras", "outputs-first.keras2.h5"])
    func seldom(name: String) throws {
        try TestFiles.withLayout(name) { try check($0) }
    }

    /// Cuts the file shorter and shorter, at 200 places drawn with a fixed seed.
    private func check(_ path: String) throws {
        let whole = try contents(path)
        try TestFiles.withTemporaryFolder { folder throws in
            let copy = folder + "/" + URL(fileURLWithPath: path).lastPathComponent
            try FileManager.default.copyItem(atPath: path, toPath: copy)
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: copy))
            var random = SplitMix64(seed: 1)
            let size = try file.seekToEnd()
            let lengths = (0..<200).map { _ in UInt64.random(in: 0..<size, using: &random) }
            for length in lengths.sorted(by: >) {
                try file.truncate(atOffset: length)
                do {
                    #expect(try contents(copy) == whole, "cut to \(length) bytes")
                } catch {
                    let message = "\(error)"
                    #expect(message.contains(copy), "cut to \(length) bytes: \(message)")
                    #expect(!message.contains("\n"), "cut to \(length) bytes: \(message)")
                }
            }
        }
    }

    /// All that a network's file holds, by name.
    private func contents(_ path: String) throws -> [String: Tensor] {
        let parameters = try Model(path: path).checkpoint.parameters
        return Dictionary(
            try parameters.map { ($0.name, try $0.read()) }, uniquingKeysWith: { first, _ in first })
    }
}
