import Foundation
import HDF5
import TestSupport
import Testing

/// How `HDF5Output` deals with the disk.
struct OutputDiskTests {
    /// Half a megabyte: more than libhdf5 buffers.
    private func values(_ seed: Float) -> [Float] { (0..<(1 << 17)).map { seed + Float($0) } }

    @Test("large arrays are written as they were given, whatever the caller does with them afterwards")
    func largeArrays() throws {
        try TestFiles.withTemporaryFolder { folder in
            let model = try HDF5File(reading: TestFiles.fixture("mnist-resnet.torch.h5"))
            let weight = try model.root.dataset("conv1.weight")
            let output = try HDF5Output(creating: folder + "/out.h5")
            for seed in 0..<40 {
                var array = values(Float(seed))
                try output.write(array, shape: [1 << 17], to: "\(seed)", like: weight)
                for index in array.indices { array[index] = -1 }
            }
            try output.close()
            let root = try HDF5File(reading: folder + "/out.h5").root
            for seed in 0..<40 {
                #expect(try root.dataset("\(seed)").readFloats() == values(Float(seed)))
            }
        }
    }

    @Test("an output that is dropped half-way leaves the next one alone")
    func dropped() throws {
        try TestFiles.withTemporaryFolder { folder in
            let model = try HDF5File(reading: TestFiles.fixture("mnist-resnet.torch.h5"))
            let weight = try model.root.dataset("conv1.weight")
            for _ in 0..<3 {
                let output = try HDF5Output(creating: folder + "/out.h5")
                for seed in 0..<40 {
                    try output.write(values(1), shape: [1 << 17], to: "\(seed)", like: weight)
                }
            }
            let output = try HDF5Output(creating: folder + "/out.h5")
            try output.write(values(2), shape: [1 << 17], to: "a", like: weight)
            try output.close()
            #expect(try HDF5File(reading: folder + "/out.h5").root.dataset("a").readFloats() == values(2))
        }
    }

    #if os(Linux)
        @Test(
            "a full disk shows when the file is closed at the latest, with the system's reason",
            arguments: [true, false])
        func fullDisk(copies: Bool) throws {
            let model = try HDF5File(reading: TestFiles.fixture("mnist-resnet.torch.h5"))
            let weight = try model.root.dataset("conv1.weight")
            let output = try HDF5Output(creating: "/dev/full", named: "out.h5", like: model)
            #expect(
                throws: HDF5Error.systemFailure(
                    HDF5Location(file: "out.h5"), action: "writing the file",
                    reason: "No space left on device")
            ) {
                if copies {
                    for name in try model.root.names() { try output.copy(model.root.dataset(name), to: name) }
                } else {
                    try output.write(values(1), shape: [1 << 17], to: "a", like: weight)
                }
                try output.close()
            }
        }
    #endif
}
