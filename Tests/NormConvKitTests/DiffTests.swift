import Foundation
import NormConvKit
import TestSupport
import Testing

@Suite("The difference of two networks")
struct DiffTests {
    @Test("does not depend on the number of workers, to the bit")
    func workers() throws {
        let first = try Model(path: TestFiles.fixture("mnist-resnet.keras3.h5"))
        let split = try Split(path: TestFiles.fixture("mnist-test-100.npz"))
        try TestFiles.withTemporaryFolder { folder in
            try first.convert(to: folder + "/gn.h5")
            let second = try Model(path: folder + "/gn.h5")
            let reports = try [1, 2, 7].map { workers in
                let encoder = JSONEncoder()
                encoder.outputFormatting = .sortedKeys
                return try encoder.encode(first.diff(second, on: split, images: 50, workers: workers))
            }
            #expect(reports[1] == reports[0] && reports[2] == reports[0])
        }
    }
}
