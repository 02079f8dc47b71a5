import Foundation
import NormConvKit
import TestSupport
import Testing

/// The library's `Conversion` and the command are one: the same bytes for every option.
@Suite("Conversion")
struct ConversionValueTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let arguments: String
        var fixture = "mnist-resnet.keras3.h5"
        var output = "out.h5"
        var layout: OutputLayout?
        let convert: @Sendable (Model) async throws -> Conversion

        var testDescription: String { arguments }
    }

    private static func options(_ options: ConversionOptions) -> @Sendable (Model) throws -> Conversion {
        { try $0.converting(options) }
    }

    static let cases: [Case] = [
        Case(arguments: "", convert: options(ConversionOptions())),
        Case(arguments: "--to ln", convert: options(ConversionOptions(target: .layerNorm))),
        Case(arguments: "--to in", convert: options(ConversionOptions(target: .instanceNorm))),
        Case(arguments: "--groups 8", convert: options(ConversionOptions(groups: .count(8)))),
        Case(arguments: "--groups size:8", convert: options(ConversionOptions(groups: .perGroup(8)))),
        Case(arguments: "--groups gcd", convert: options(ConversionOptions(groups: .gcd))),
        Case(arguments: "--init copy", convert: options(ConversionOptions(initialization: .copy))),
        Case(arguments: "--ws off", convert: options(ConversionOptions(weightStandardization: .off))),
        Case(arguments: "--ws all", convert: options(ConversionOptions(weightStandardization: .all))),
        Case(arguments: "--ws layer", convert: options(ConversionOptions(weightStandardization: .layers))),
        Case(arguments: "--ws-eps timm", convert: options(ConversionOptions(standardizationEpsilon: .timm))),
        Case(arguments: "--epsilon 0.001", convert: options(ConversionOptions(epsilon: 1e-3))),
        Case(arguments: "--add-bias", convert: options(ConversionOptions(addsBias: true))),
        Case(
            arguments: "--add-bias --steady 4 --init noise --ws off",
            convert: options(
                ConversionOptions(
                    initialization: .noise, weightStandardization: .off, addsBias: true, steadiness: 4))),
        Case(
            arguments: "--assume-adjacent", fixture: "mnist-sequential.weights.h5", output: "out.weights.h5",
            convert: options(ConversionOptions(assumesAdjacent: true))),
        Case(
            arguments: "", output: "out.safetensors", convert: options(ConversionOptions())),
        Case(
            arguments: "--layout torch", layout: .torch, convert: options(ConversionOptions())),
        Case(arguments: "--to none", output: "out.keras", convert: { try $0.keepingNorms() }),
        Case(
            arguments: "--preprocess tf",
            convert: { model in
                var conversion = try model.converting()
                conversion.preprocessing = .tf
                return conversion
            }),
        Case(
            arguments: "--calibrate \(TestFiles.fixture("mnist-test-100.npz")) --epochs 1 --seed 3",
            convert: { model in
                var options = SplitOptions()
                options.requiresLabels = false
                let images = try model.split(TestFiles.fixture("mnist-test-100.npz"), options: options)
                return try await model.converting().calibrated(
                    on: images, options: CalibrationOptions(seed: 3, epochs: 1))
            }),
        Case(
            arguments: "--synthesize --calibration-images 16",
            convert: { model in
                try await model.converting().synthesized(SynthesisOptions(images: 16))
            }),
    ]

    @Test("gives the bytes and warnings that the command gives", arguments: cases)
    func bytes(case one: Case) async throws {
        try await TestFiles.withTemporaryFolder { folder in
            let input = TestFiles.fixture(one.fixture)
            let (ours, theirs) = (folder + "/library/" + one.output, folder + "/command/" + one.output)
            for name in ["library", "command"] {
                try FileManager.default.createDirectory(
                    atPath: folder + "/" + name, withIntermediateDirectories: true)
            }
            let conversion = try await one.convert(Model(input))
            let report = try conversion.write(to: ours, layout: one.layout)
            let arguments = one.arguments.split(separator: " ").map(String.init)
            let run = try normconv(["convert", input, theirs, "--json"] + arguments)
            #expect(run.code == 0, "\(run.errors)")
            let (found, expected) = try (
                Data(contentsOf: URL(fileURLWithPath: ours)), Data(contentsOf: URL(fileURLWithPath: theirs))
            )
            #expect(found == expected)
            #expect(report.output == ours)
            #expect(try run.json()["warnings"] as? [String] == report.warnings)
            let warned = conversion.warnings.map { "warning: " + $0 }
            #expect(run.errors.split(separator: "\n").map(String.init) == warned)
        }
    }

    @Test("a cancelled calibration ends with CancellationError and leaves the value as it was")
    func cancellation() async throws {
        let model = try Model(TestFiles.fixture("mnist-resnet.keras3.h5"))
        var options = SplitOptions()
        options.requiresLabels = false
        let images = try model.split(TestFiles.fixture("mnist-test-100.npz"), options: options)
        let conversion = try model.converting()
        let (stream, began) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            try await conversion.calibrated(on: images, options: CalibrationOptions(epochs: 10_000)) { _ in
                began.yield()
            }
        }
        for await _ in stream { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(conversion.report.calibration == nil)
    }

    @Test("errors tell file, object, found and expected, with the line that the command prints")
    func errors() async throws {
        try await TestFiles.withTemporaryFolder { folder in
            let missing = folder + "/missing.h5"
            var error = try #require(throws: NormConvError.self) { try Model(missing) }
            #expect(error.file == missing && error.description.hasPrefix(missing + ": "))
            #expect(try normconv("inspect", missing).errors == "Error: \(error)\n")

            let model = try Model(TestFiles.fixture("mnist-resnet.keras3.h5"))
            error = try #require(throws: NormConvError.self) {
                try model.converting(ConversionOptions(groups: .count(7)))
            }
            #expect(error.file == model.path && error.object?.isEmpty == false)
            #expect(error.description.contains("expected a multiple of 7 groups"))

            error = try #require(throws: NormConvError.self) {
                try model.converting().write(to: folder + "/x.onnx")
            }
            #expect(error.file == folder + "/x.onnx" && error.underlying is OutputNameError)

            error = try #require(throws: NormConvError.self) { try model.converting().write(to: model.path) }
            #expect(error.file == model.path && error.description.contains("--in-place"))

            let gn = folder + "/gn.h5"
            try model.converting().write(to: gn)
            error = try #require(throws: NormConvError.self) { try Model(gn).converting() }
            #expect(error.file == gn && error.description.contains("nothing to convert"))

            let images = try model.split(TestFiles.fixture("mnist-test.h5"))
            let failure = await #expect(throws: NormConvError.self) {
                try await model.keepingNorms().calibrated(on: images)
            }
            #expect(failure?.file == model.path)
        }
    }
}
