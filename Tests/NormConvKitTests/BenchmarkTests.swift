import NormConvKit
import TestSupport
import Testing

@Suite("Benchmark")
struct BenchmarkTests {
    private func options(_ input: Shape? = nil) -> BenchmarkOptions {
        var options = BenchmarkOptions()
        options.input = input
        (options.images, options.repeats, options.workers, options.batch) = (5, 3, 2, 2)
        return options
    }

    @Test("shares sum to one, and kinds are the sums of their layers")
    func shares() throws {
        let path = TestFiles.fixture("mnist-resnet.keras3.h5")
        let job = try BenchmarkJob(path: path, options: options())
        let report = try job.run()
        #expect(report.input == [28, 28, 1])
        #expect(report.images == 8 && report.batch == 2 && report.workers == 2, "rounded up to 2 × 2 images")
        #expect(report.imagesPerSecond.repeats == 3 && report.latency.repeats >= 5)
        #expect(abs(report.kinds.reduce(0) { $0 + $1.share } - 1) < 1e-9)
        #expect(abs(report.kinds.reduce(0) { $0 + $1.latencyShare } - 1) < 1e-9)
        for kind in report.kinds.dropLast() {
            let members = report.layers.filter { $0.kind == kind.kind }
            #expect(!members.isEmpty)
            #expect(abs(members.reduce(0) { $0 + $1.seconds } - kind.seconds) <= 1e-9 * kind.seconds)
            #expect(members.reduce(0) { $0 + $1.multiplyAdds } == kind.multiplyAdds)
            #expect((kind.gigaflops != nil) == (kind.multiplyAdds > 0))
        }
        #expect(report.kinds.last?.kind == "outside of layers")
        #expect(Set(report.kinds.map(\.kind)) == Set(report.layers.map(\.kind)).union(["outside of layers"]))
        #expect(report.kinds.reduce(0) { $0 + $1.multiplyAdds } == report.multiplyAdds)
        #expect(report.gigaflops == 2e-9 * report.multiplyAdds * report.imagesPerSecond.median)
        #expect(report.processorShare > 0 && report.processorShare <= 1)
        let memory = try #require(report.peakMemory)
        #expect(memory > 1 << 20)
    }

    @Test(
        "an image is what the file says, else what its family takes",
        arguments: [("bit.safetensors", [480, 480, 3]), ("resnet-d.safetensors", [224, 224, 3])])
    func input(file: String, expected: [Int]) throws {
        try TestFiles.withNamedNetwork(file) { path throws in
            var options = self.options()
            (options.images, options.repeats, options.batch) = (1, 1, 1)
            #expect(try BenchmarkJob(path: path, options: options).run().input == expected)
        }
    }

    @Test("a median of an even number of values is between the two in the middle")
    func median() {
        let odd = BenchmarkReport.Spread([3, 1, 2])
        #expect(odd.median == 2 && odd.min == 1 && odd.max == 3 && odd.repeats == 3)
        #expect(BenchmarkReport.Spread([4, 1, 2, 9]).median == 3)
    }

    @Test("images of another size are refused with the file's name")
    func wrongSize() {
        let path = TestFiles.fixture("mnist-resnet.keras3.h5")
        for input in [[32, 32, 1], [28, 28, 3]] as [Shape] {
            let error = #expect(throws: FileFailure.self) {
                try BenchmarkJob(path: path, options: options(input))
            }
            #expect(error?.path == path)
            #expect(error.map { "\($0)".contains("28×28×1") } == true, "\(String(describing: error))")
        }
    }
}
