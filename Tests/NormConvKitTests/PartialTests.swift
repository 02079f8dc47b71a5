import Archives
import Foundation
import HDF5
import TestSupport
import Testing

@testable import NormConvKit

private let resnet = TestFiles.fixture("mnist-resnet.keras3.h5")
private let sequential = TestFiles.fixture("mnist-sequential.keras3.h5")
private let hundred = TestFiles.fixture("mnist-test-100.npz")

/// A job on a hundred images.
private func job(
    _ models: [String] = [resnet, sequential], data: String = hundred, preprocessing: Preprocessing? = nil,
    engine: EngineKind = .fast
) throws -> ScoringJob {
    let networks = try models.map { try Model(path: $0) }
    return try ScoringJob(
        networks, on: Split(path: data), baseline: models.count > 1 ? 0 : nil, preprocessing: preprocessing,
        engine: engine)
}

/// Runs a job's shard into a file of the folder, and returns its path.
private func part(
    _ index: Int, of count: Int, _ job: ScoringJob, in folder: String, name: String? = nil
) throws -> String {
    var options = PartialOptions(path: "\(folder)/\(name ?? "part-\(index)").json")
    options.shard = try #require(Shard(index, of: count))
    _ = try job.run(keepingIn: options)
    return options.path
}

/// Goes on with a file, or begins it.
private func resumed(_ path: String, _ job: ScoringJob, shard: Shard = .whole) throws -> [Scores] {
    var options = PartialOptions(path: path)
    options.beginning = .resuming
    options.shard = shard
    return try job.run(keepingIn: options)
}

/// All that does not depend on time.
private func figures(_ result: ScoredSplit) -> EvalReport {
    var report = result.report
    for index in report.models.indices { report.models[index].imagesPerSecond = 0 }
    return report
}

/// A file's bytes.
private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

@Suite("Partial results")
struct PartialTests {
    @Test("Float images of any scale are read as they are for the checksum")
    func anyScale() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/standardized.h5"
            let output = try HDF5Output(creating: path)
            let values = (0..<8 * 784).map { Float($0 % 97) / 10 - 3 }
            try output.write(
                values.withUnsafeBytes { Array($0) }, of: .float32, shape: [8, 28, 28, 1], to: "images")
            try output.write([UInt8](0..<8), of: .uint8, shape: [8], to: "labels")
            try output.close()
            let job = try job([resnet], data: path, preprocessing: .raw)
            let merged = try ScoredSplit(merging: [part(1, of: 1, job, in: folder)])
            #expect(merged.report.models.count == 1)
        }
    }

    @Test("What is no regular file is refused by name", arguments: [false, true])
    func noFile(isPipe: Bool) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            var path = folder
            if isPipe {
                path += "/pipe"
                #expect(mkfifo(path, 0o600) == 0)
                let error = #expect(throws: ArchiveError.self) { try resumed(path, job()) }
                #expect(error?.description.hasPrefix(path + ":") == true)
            }
            let error = #expect(throws: ArchiveError.self) { try ScoredSplit(merging: [path]) }
            #expect(error?.description.hasPrefix(path + ":") == true)
        }
    }

    @Test("Every image is in just one shard, and shards differ by at most one image")
    func shards() throws {
        for (total, count) in [(100, 1), (100, 7), (3, 5), (1_281_167, 1024), (50_000, 1_000_000)] {
            let parts = try (1...count).map { try #require(Shard($0, of: count)).images(of: total) }
            #expect(parts.first?.lowerBound == 0 && parts.last?.upperBound == total)
            #expect(zip(parts, parts.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
            let sizes = Set(parts.map(\.count))
            #expect(try #require(sizes.max()) - #require(sizes.min()) <= 1)
        }
        #expect(Shard(0, of: 4) == nil && Shard(5, of: 4) == nil && Shard(1, of: 0) == nil)
    }

    @Test("Merged shards are one run to the bit, in any order of the files", arguments: [1, 2, 7])
    func merge(count: Int) throws {
        let job = try job()
        let whole = try job.result(job.run())
        try TestFiles.withTemporaryFolder { folder in
            let parts = try (1...count).map { try part($0, of: count, job, in: folder) }
            for order in [parts, parts.reversed(), Array(parts.dropFirst(3) + parts.prefix(3))] {
                let merged = try ScoredSplit(merging: order)
                #expect(figures(merged) == figures(whole))
                let (found, expected) = (try merged.outcomes.map { try $0.complete() }, whole.outcomes)
                #expect(try found == expected.map { try $0.complete() })
                #expect(merged.classNames == whole.classNames && merged.files == whole.files)
                #expect(merged.report.models.allSatisfy { $0.imagesPerSecond > 0 })
            }
        }
    }

    @Test("More shards than images: some are empty")
    func emptyShards() throws {
        let job = try job([sequential])
        try TestFiles.withTemporaryFolder { folder in
            let parts = try (1...130).map { try part($0, of: 130, job, in: folder) }
            #expect(try figures(ScoredSplit(merging: parts)) == figures(job.result(job.run())))
        }
    }

    @Test("What is kept of a run is what its outputs say as a whole")
    func asOutputs() throws {
        let job = try job()
        let outputs = try job.split.run(job.models)
        let (kept, whole) = (try job.result(job.run()), try job.result(job.scores(of: outputs)))
        #expect(figures(kept) == figures(whole))
        let comparison = try Comparison(
            before: outputs[0].logits, after: outputs[1].logits, labels: job.split.labels)
        #expect(kept.report.models[1].comparison == comparison)
    }

    @Test("Missing and doubled shards are refused by name")
    func incomplete() throws {
        let job = try job([sequential])
        try TestFiles.withTemporaryFolder { folder in
            let parts = try (1...3).map { try part($0, of: 3, job, in: folder) }
            #expect(throws: PartialError.missing(shards: [1, 3], of: 3)) {
                try ScoredSplit(merging: [parts[1]])
            }
            let second = try part(2, of: 3, job, in: folder, name: "again")
            let shard = try #require(Shard(2, of: 3))
            #expect(throws: PartialError.doubled(file: second, shard: shard, other: parts[1])) {
                try ScoredSplit(merging: parts + [second])
            }
            #expect(throws: PartialError.doubled(file: second, shard: shard, other: parts[1])) {
                try ScoredSplit(merging: [parts[0], parts[1], second])
            }
        }
    }

    /// What is not of one run with the first of two shards of `sequential`.
    enum Stranger: String, CaseIterable {
        case network = "network 1"
        case preprocessing = "preprocessing of network 1"
        case images = "number of images"
        case labels = "split (checksum)"
        case engine = "engine"
        case baseline = "number of networks"
        case shards = "number of shards"

        func job(in folder: String) throws -> ScoringJob {
            switch self {
            case .network: try NormConvKitTests.job([resnet])
            case .preprocessing: try NormConvKitTests.job([sequential], preprocessing: .unit)
            case .images:
                try NormConvKitTests.job([sequential], data: TestFiles.fixture("mnist-test.h5"))
            case .labels: try NormConvKitTests.job([sequential], data: Self.relabelled(in: folder))
            case .engine: try NormConvKitTests.job([sequential], engine: .reference)
            case .baseline: try NormConvKitTests.job([sequential, resnet])
            case .shards: try NormConvKitTests.job([sequential])
            }
        }

        /// The hundred images with one label changed.
        private static func relabelled(in folder: String) throws -> String {
            let split = try Split(path: hundred)
            let pixels = try split.read(0..<100, preprocessing: .raw)
            let path = folder + "/relabelled.h5"
            var labels = split.labels ?? []
            labels[50] = (labels[50] + 1) % 10
            let output = try HDF5Output(creating: path)
            let shape = [100, split.height, split.width, split.channels]
            try output.write(pixels.map { UInt8($0) }, of: .uint8, shape: shape, to: "images")
            try output.write(labels.map { UInt8($0) }, of: .uint8, shape: [100], to: "labels")
            try output.close()
            return path
        }
    }

    @Test("Shards of another run are refused, by merge and by resume", arguments: Stranger.allCases)
    func mixed(stranger: Stranger) throws {
        try TestFiles.withTemporaryFolder { folder in
            let first = try part(1, of: 2, job([sequential]), in: folder)
            let other = try stranger.job(in: folder)
            let count = stranger == .shards ? 3 : 2
            let second = try part(2, of: count, other, in: folder)
            let what = { (error: (any Error)?) -> String? in
                if case .mixed(_, let what, _, _, _) = error as? PartialError { what } else { nil }
            }
            let merging = #expect(throws: PartialError.self) { try ScoredSplit(merging: [first, second]) }
            #expect(what(merging) == stranger.rawValue)
            let before = try bytes(first)
            let shard = try #require(Shard(1, of: count))
            let resuming = #expect(throws: PartialError.self) { try resumed(first, other, shard: shard) }
            #expect(what(resuming) == stranger.rawValue)
            #expect(try bytes(first) == before)
        }
    }

    @Test("Another shard of the same run is no part to go on with")
    func otherShard() throws {
        let job = try job([sequential])
        try TestFiles.withTemporaryFolder { folder in
            let path = try part(1, of: 2, job, in: folder)
            let (first, second) = (try #require(Shard(1, of: 2)), try #require(Shard(2, of: 2)))
            #expect(throws: PartialError.otherShard(file: path, found: first, expected: second)) {
                try resumed(path, job, shard: second)
            }
        }
    }

    @Test("A run that was killed anywhere is gone on with: nothing is lost, nothing counted twice")
    func torn() throws {
        let job = try job()
        let expected = try figures(job.result(job.run()))
        try TestFiles.withTemporaryFolder { folder in
            let path = try part(1, of: 1, job, in: folder)
            let whole = try bytes(path)
            let header = try #require(whole.firstIndex(of: UInt8(ascii: "\n"))) + 1
            #expect(try PartialFile(path: path).blocks.count > 2)
            let cuts = [0, 1, 40, header - 1, header, header + 1, whole.count / 2, whole.count - 1]
            for cut in cuts {
                let path = folder + "/cut.json"
                // A torn line may also end in what the disk held before.
                for tail in [Data(), Data(count: 9)] where tail.isEmpty || cut > header {
                    try (whole.prefix(cut) + tail).write(to: URL(fileURLWithPath: path))
                    let done = cut > header ? try PartialFile(path: path).done : 0
                    let kept = cut > header ? try bytes(path).prefix(PartialFile(path: path).length) : Data()
                    #expect(try figures(job.result(resumed(path, job))) == expected)
                    #expect(try bytes(path).starts(with: kept), "what was done stays as it was")
                    let file = try PartialFile(path: path)
                    #expect(file.done == 100 && done < 100)
                    #expect(try figures(ScoredSplit(merging: [path])) == expected)
                }
            }
        }
    }

    @Test("A finished run is not run again")
    func finished() throws {
        let job = try job()
        try TestFiles.withTemporaryFolder { folder in
            let path = try part(1, of: 1, job, in: folder)
            let before = try bytes(path)
            let scores = try resumed(path, job)
            #expect(try bytes(path) == before)
            #expect(try figures(job.result(scores)) == figures(job.result(job.run())))
        }
    }

    @Test("merge refuses an unfinished shard, and says how far it is")
    func unfinished() throws {
        let job = try job([sequential])
        try TestFiles.withTemporaryFolder { folder in
            let path = try part(1, of: 1, job, in: folder)
            let whole = try bytes(path)
            try whole.dropLast().write(to: URL(fileURLWithPath: path))
            let done = try PartialFile(path: path).done
            #expect(done < 100)
            #expect(
                throws: PartialError.unfinished(file: path, shard: .whole, images: done, of: 100)
            ) { try ScoredSplit(merging: [path]) }
        }
    }

    @Test("A damaged line is refused, unless it is the last and torn")
    func damaged() throws {
        let job = try job([sequential])
        try TestFiles.withTemporaryFolder { folder in
            let path = try part(1, of: 1, job, in: folder)
            var lines = try bytes(path).split(separator: UInt8(ascii: "\n")).map { Data($0) }
            // A digit of a number: still JSON.
            let digit = try #require(lines[1].lastIndex { (0x30...0x38).contains($0) })
            lines[1][digit] += 1
            try (Data(lines.joined(separator: [0x0A])) + [0x0A]).write(to: URL(fileURLWithPath: path))
            let error = PartialError.damaged(file: path, line: 2)
            #expect(throws: error) { try ScoredSplit(merging: [path]) }
            #expect(throws: error) { try resumed(path, job) }
        }
    }

    @Test(
        "Lines that are sound but impossible are refused: images of other shards, images twice, other numbers of them"
    )
    func impossible() throws {
        let job = try job([sequential])
        try TestFiles.withTemporaryFolder { folder in
            let whole = try PartialFile(path: part(1, of: 1, job, in: folder))
            let path = folder + "/made.json"
            let block = try #require(whole.blocks.first)
            var outside = block
            outside.first = 99
            var unequal = block
            unequal.labels.removeLast()
            var negative = block
            negative.first = -1
            func expectDamage(_ blocks: [ScoredBlock], line: Int) throws {
                let lines =
                    try PartialFile.line(whole.header) + blocks.map(PartialFile.line).reduce(Data(), +)
                try lines.write(to: URL(fileURLWithPath: path))
                let error = PartialError.damaged(file: path, line: line)
                #expect(throws: error) { try ScoredSplit(merging: [path]) }
                #expect(throws: error) { try resumed(path, job) }
            }
            for wrong in [outside, unequal, negative] { try expectDamage([wrong], line: 2) }
            try expectDamage(whole.blocks + [block], line: whole.blocks.count + 2)
        }
    }

    @Test("Other files are left as they are")
    func notPartial() throws {
        let job = try job([sequential])
        try TestFiles.withTemporaryFolder { folder in
            for text in ["hello", "hello\nworld\n", "{\"normconvPartial\": 1}\n"] {
                let path = folder + "/notes.txt"
                try Data(text.utf8).write(to: URL(fileURLWithPath: path))
                let merging = #expect(throws: PartialError.self) { try ScoredSplit(merging: [path]) }
                let resuming = #expect(throws: PartialError.self) { try resumed(path, job) }
                for case .notPartial(let file, _)? in [merging, resuming] { #expect(file == path) }
                #expect(try bytes(path) == Data(text.utf8))
                #expect(throws: PartialError.self) { try job.run(keepingIn: PartialOptions(path: path)) }
                #expect(try bytes(path) == Data(text.utf8))
            }
        }
    }

    @Test("Another version of the form and of the program are refused")
    func versions() throws {
        let job = try job([sequential])
        try TestFiles.withTemporaryFolder { folder in
            let first = try part(1, of: 2, job, in: folder)
            let second = try PartialFile(path: part(2, of: 2, job, in: folder))
            func written(_ change: (inout PartialHeader) -> Void) throws -> String {
                var header = second.header
                change(&header)
                let lines =
                    try PartialFile.line(header) + second.blocks.map(PartialFile.line).reduce(Data(), +)
                try lines.write(to: URL(fileURLWithPath: second.path))
                return second.path
            }
            let form = try written { $0.normconvPartial = 3 }
            #expect(throws: PartialError.otherFormat(file: form, found: 3, expected: 2)) {
                try ScoredSplit(merging: [first, form])
            }
            let version = try written { $0.run.version = "0.0.1" }
            #expect(
                throws: PartialError.mixed(
                    file: version, what: "version of normconv", found: "0.0.1", expected: normconvVersion,
                    from: first)
            ) { try ScoredSplit(merging: [first, version]) }
        }
    }

    @Test("A file that another run writes is left to it")
    func inUse() throws {
        let job = try job([sequential])
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/part.json"
            var options = PartialOptions(path: path)
            let journal = try Journal(job: job, options)
            options.beginning = .resuming
            #expect(throws: PartialError.inUse(file: path)) { try job.run(keepingIn: options) }
            try journal.finish()
        }
    }
}
