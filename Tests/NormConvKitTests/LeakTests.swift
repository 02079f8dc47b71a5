import Foundation
import NormConvKit
import TestSupport
import Testing

/// Memory that is not given back. For a process of its own, which other tests would disturb: `make leaks`.
@Suite("Memory", .enabled(if: ProcessInfo.processInfo.environment["NORMCONV_LEAKS"] != nil), .serialized)
struct LeakTests {
    private static let files = [
        "mnist-resnet.keras3.h5", "mnist-sequential.keras", "mnist-resnet.torch.h5",
        "torchvision-bottleneck.safetensors", "torchvision-bottleneck.pth",
    ]

    @Test("of 1,000 conversions is that of 100, within 2 MB")
    func conversions() throws {
        try TestFiles.withTemporaryFolder { folder throws -> Void in
            var resident: [Int] = []
            for round in 0..<1000 {
                let file = Self.files[round % Self.files.count]
                let out =
                    folder + "/out."
                    + (file.hasSuffix("pth") ? "safetensors" : file.split(separator: ".").last ?? "")
                let model = try Model(path: TestFiles.fixture(file))
                let layout: OutputLayout? = file.hasSuffix("pth") ? .safetensors : nil
                let options = ConversionOptions(weightStandardization: round % 2 == 0 ? .on : .off)
                try model.write(
                    model.plan(options), to: out, options: options, layout: layout, overwrite: true)
                _ = try Model(path: out)
                // A failure now and then, which must not keep what it has opened.
                #expect(throws: (any Error).self) { try model.convert(to: out, options: options) }
                #expect(throws: (any Error).self) { try Model(path: TestFiles.fixture("statistics.json")) }
                if (round + 1) % 100 == 0 { resident.append(try residentBytes()) }
            }
            print("resident after 100, 200, … conversions, in KB:", resident.map { $0 >> 10 })
            #expect(resident[9] - resident[0] <= 2 << 20)
            #expect(try openDescriptors() < 64)
        }
    }

    @Test("of 200 evaluations is that of 20, within 4 MB")
    func evaluations() throws {
        let split = try Split(path: TestFiles.fixture("mnist-test-100.npz"))
        var resident: [Int] = []
        for round in 0..<200 {
            let model = try Model(path: TestFiles.fixture(Self.files[0]))
            _ = try split.evaluate(model.run(on: split))
            if (round + 1) % 20 == 0 { resident.append(try residentBytes()) }
        }
        print("resident after 20, 40, … evaluations, in KB:", resident.map { $0 >> 10 })
        #expect(resident[9] - resident[0] <= 4 << 20)
    }

    /// What Linux tells of this process.
    private func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        let kilobytes = try #require(line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first)
        return try #require(Int(kilobytes)) << 10
    }

    private func openDescriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }
}
