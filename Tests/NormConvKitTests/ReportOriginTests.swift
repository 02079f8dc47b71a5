import Archives
import Foundation
import TestSupport
import Testing

@testable import NormConvKit

@Suite("What a report says of the networks' files")
struct ReportOriginTests {
    private let resnet = TestFiles.fixture("mnist-resnet.keras3.h5")
    private let hundred = TestFiles.fixture("mnist-test-100.npz")
    /// As sha256sum prints it.
    private let checksum = "098474d910a7d8a08f7fe1d937b819ddd96939b1fddcce8573740560188aaac3"

    /// A converted network, with a note of a calibration where one is given.
    private func converted(
        in folder: String, calibration: ConversionNote.Calibration? = nil
    ) throws -> Model {
        let model = try Model(path: resnet)
        var options = ConversionOptions()
        options.groups = .perGroup(8)
        options.weightStandardization = .off
        let plan = try model.plan(options)
        var note = model.note(of: plan, options: options)
        note.calibration = calibration
        let path = folder + "/gn.h5"
        try model.write(plan, note: note, to: path, layout: nil, overwrite: true)
        return try Model(path: path)
    }

    @Test("eval: checksums of all, the conversion of those that were converted; a merged run says the same")
    func eval() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let calibration = ConversionNote.Calibration(
                fitted: 75, setAside: 25, synthesized: nil, seed: 0, steps: ["layers"], agreement: 0.9)
            let networks = [try Model(path: resnet), try converted(in: folder, calibration: calibration)]
            let job = try ScoringJob(networks, on: Split(path: hundred), baseline: 0)
            var options = PartialOptions(path: folder + "/part")
            options.shard = .whole
            let report = try job.result(job.run(keepingIn: options)).report
            #expect(report.models.map(\.sha256) == [checksum, try SHA256.text(ofFiles: [networks[1].path])])
            #expect(report.models[0].conversion == nil)
            let found = try #require(report.models[1].conversion)
            #expect(
                found
                    == ConversionSummary(
                        to: "gn", groups: "size:8", initialization: "statistics",
                        weightStandardization: "off",
                        calibration: .init(images: 75, heldOut: 25, synthetic: false),
                        version: normconvVersion))
            let merged = try ScoredSplit(merging: [options.path]).report
            #expect(merged.models.map(\.sha256) == report.models.map(\.sha256))
            #expect(merged.models.map(\.conversion) == report.models.map(\.conversion))
        }
    }

    @Test("a partial result of before, which says nothing of the files, is merged")
    func olderPartial() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let job = try ScoringJob([Model(path: resnet)], on: Split(path: hundred))
            let options = PartialOptions(path: folder + "/part")
            _ = try job.run(keepingIn: options)
            let part = try PartialFile(path: options.path)
            var header = part.header
            header.run.networks[0].sha256 = nil
            let lines = try [PartialFile.line(header)] + part.blocks.map { try PartialFile.line($0) }
            let older = lines.reduce(Data(), +)
            #expect(!String(decoding: older, as: UTF8.self).contains("sha256"))
            try older.write(to: URL(fileURLWithPath: options.path))
            let merged = try ScoredSplit(merging: [options.path]).report
            #expect(merged.models.map(\.sha256) == [nil] && merged.models.map(\.conversion) == [nil])
        }
    }

    @Test("sweep: the same")
    func sweep() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let networks = [try Model(path: resnet), try converted(in: folder)]
            var options = SweepOptions()
            (options.batchSizes, options.shuffles) = ([50], 1)
            let report = try Split(path: hundred).sweep(networks, options: options)
            #expect(report.models.map(\.sha256) == [checksum, try SHA256.text(ofFiles: [networks[1].path])])
            #expect(report.models.map(\.conversion?.groups) == [nil, "size:8"])
        }
    }

    @Test("a note of synthetic images says so")
    func synthetic() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let calibration = ConversionNote.Calibration(
                fitted: 96, setAside: 32, synthesized: true, seed: 0, steps: [], agreement: 0)
            let note = try #require(try converted(in: folder, calibration: calibration).note)
            #expect(note.summary.calibration == .init(images: 96, heldOut: 32, synthetic: true))
        }
    }
}
