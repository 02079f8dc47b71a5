import Foundation
import NormConvKit
import TestSupport
import Testing

private struct Interrupted: Error {}

@Suite("conversion in place")
struct InPlaceTests {
    private let manager = FileManager.default

    private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    /// A copy of a network in a new folder.
    private func withCopy(_ body: (_ folder: String, _ path: String, _ old: Data) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/resnet.h5"
            try manager.copyItem(atPath: TestFiles.fixture("mnist-resnet.keras3.h5"), toPath: path)
            try body(folder, path, try bytes(path))
        }
    }

    /// Converts in place; gives the backup's path.
    private func convert(_ path: String, as name: String? = nil) throws -> String {
        let model = try Model(path: path)
        let plan = try model.plan(ConversionOptions())
        return try model.writeInPlace(
            plan, note: model.note(of: plan, options: ConversionOptions()), to: name ?? path, layout: nil)
    }

    @Test("the old file goes on under NAME.bak, and the new one is what a conversion elsewhere gives")
    func both() throws {
        try withCopy { folder, path, old in
            let elsewhere = folder + "/elsewhere.h5"
            try Model(path: path).convert(to: elsewhere)
            #expect(try convert(path) == path + ".bak")
            #expect(try bytes(path + ".bak") == old && bytes(path) == bytes(elsewhere))
            #expect(
                try Set(manager.contentsOfDirectory(atPath: folder)) == [
                    "resnet.h5", "resnet.h5.bak", "elsewhere.h5",
                ])
        }
    }

    @Test(
        "every layout is converted in place, to what a conversion elsewhere gives",
        arguments: [
            "mnist-resnet.keras3.h5", "mnist-sequential.keras", "mnist-sequential.weights.h5",
            "mnist-sequential.keras2-weights.h5", "mnist-resnet.torch.h5", "mnist-resnet.torch-nested.h5",
            "torchvision-bottleneck.safetensors", "torchvision-bottleneck.pth",
        ])
    func layouts(fixture: String) throws {
        try TestFiles.withTemporaryFolder { folder in
            // All endings of the name.
            let ending = fixture.drop { $0 != "." }.replacing(".keras2-weights", with: "")
            let (path, elsewhere) = (folder + "/in" + ending, folder + "/elsewhere" + ending)
            try manager.copyItem(atPath: TestFiles.fixture(fixture), toPath: path)
            let old = try bytes(path)
            let options = ConversionOptions(groups: .perGroup(4))
            _ = try Model(path).converting(options)
                .write(to: ConversionOutput(elsewhere, layout: .keep, replaces: .nothing))
            let report = try Model(path).converting(options).replaceInput()
            #expect(report.backup == path + ".bak")
            #expect(try bytes(path + ".bak") == old && bytes(path) == bytes(elsewhere))
        }
    }

    @Test("of two runs that replace one file, the second is refused, and nothing is lost")
    func together() throws {
        try withCopy { folder, path, old in
            try {
                let first = try Backup(of: path)
                let error = #expect(throws: CheckpointError.self) { try Backup(of: path) }
                #expect(error.map { "\($0)".contains("another run") } == true)
                #expect(try bytes(first.path) == old)
                first.remove()
            }()
            #expect(try manager.contentsOfDirectory(atPath: folder) == ["resnet.h5"])
            #expect(try bytes(path) == old)
            // Once the first has ended, another run goes on.
            #expect(try convert(path) == path + ".bak")
        }
    }

    @Test("without being asked, a network's own file is never replaced, whatever it is called")
    func refused() throws {
        try withCopy { folder, path, old in
            let (hard, soft) = (folder + "/hard.h5", folder + "/soft.h5")
            try manager.linkItem(atPath: path, toPath: hard)
            try manager.createSymbolicLink(atPath: soft, withDestinationPath: "resnet.h5")
            let model = try Model(path: path)
            for name in [
                path, folder + "/../" + URL(fileURLWithPath: folder).lastPathComponent + "/resnet.h5", hard,
                soft,
            ] {
                let error = #expect(throws: ConvertFailure.self) {
                    try model.convert(to: name, overwrite: true)
                }
                #expect(error.map { "\($0)".contains("--in-place") } == true)
                #expect(try bytes(path) == old)
            }
        }
    }

    @Test("of a symbolic link, the file that it leads to is replaced and kept")
    func link() throws {
        try withCopy { folder, path, old in
            try manager.createDirectory(atPath: folder + "/links", withIntermediateDirectories: false)
            let soft = folder + "/links/soft.h5"
            try manager.createSymbolicLink(atPath: soft, withDestinationPath: "../resnet.h5")
            let backup = try convert(soft)
            #expect(backup == AtomicFile.resolved(path) + ".bak")
            #expect(try bytes(backup) == old && bytes(path) != old)
            #expect(try manager.destinationOfSymbolicLink(atPath: soft) == "../resnet.h5")
        }
    }

    @Test("a NAME.bak that is there is not overwritten: it may be the original", arguments: [true, false])
    func existing(isLink: Bool) throws {
        try withCopy { folder, path, old in
            if isLink {
                // It would lead to the new file.
                try manager.createSymbolicLink(atPath: path + ".bak", withDestinationPath: "resnet.h5")
            } else {
                try Data("original".utf8).write(to: URL(fileURLWithPath: path + ".bak"))
            }
            let error = CheckpointError.backupExists(path: path, backup: path + ".bak")
            #expect(throws: error) { try convert(path) }
            #expect(throws: error) { try Model(path: path).checkInPlace(path) }
            #expect(try bytes(path) == old)
            if !isLink { #expect(try bytes(path + ".bak") == Data("original".utf8)) }
        }
    }

    @Test("the second name that a killed run has left is taken over")
    func leftover() throws {
        try withCopy { folder, path, old in
            try manager.linkItem(atPath: path, toPath: path + ".bak")
            #expect(try convert(path) == path + ".bak")
            #expect(try bytes(path + ".bak") == old && bytes(path) != old)
        }
    }

    @Test("where writing fails, the old file is under its name, and no other is there")
    func failure() throws {
        try withCopy { folder, path, old in
            let model = try Model(path: path)
            var plan = try model.plan(ConversionOptions())
            let kernel = try #require(model.checkpoint.parameters.names.last { $0.contains("kernel") })
            // In the midst of the new file.
            plan.edits.set(
                kernel,
                .replace { _ in
                    #expect(FileManager.default.fileExists(atPath: path + ".bak"))
                    throw Interrupted()
                })
            let note = model.note(of: plan, options: ConversionOptions())
            #expect(throws: Interrupted.self) {
                _ = try model.writeInPlace(plan, note: note, to: path, layout: nil)
            }
            #expect(try bytes(path) == old)
            #expect(try manager.contentsOfDirectory(atPath: folder) == ["resnet.h5"])
        }
    }
}
