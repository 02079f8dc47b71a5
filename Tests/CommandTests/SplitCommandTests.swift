import Foundation
import HDF5
import TestSupport
import Testing

/// Options that say where images and labels are, and what their values mean.
@Suite("eval, diff, convert: arrays of other names, types and channels")
struct SplitCommandTests {
    /// Arrays in an HDF5 file.
    private struct Arrays {
        let folder: String

        /// Writes integers of 32 bits.
        func write(_ file: String, _ arrays: [(name: String, shape: [Int], values: [Int32])]) throws -> String
        {
            let path = folder + "/" + file
            let output = try HDF5Output(creating: path)
            for (name, shape, values) in arrays {
                try output.write(values.withUnsafeBytes { Array($0) }, of: .int32, shape: shape, to: name)
            }
            try output.close()
            return path
        }
    }

    /// A network whose outputs are the three pixels of a grey image, and images of which the third is labelled wrongly.
    private func withNetwork(_ body: (_ eval: [String], Arrays) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            try MadeNetwork.write(to: folder + "/network.keras", outputs: 3, activation: "linear")
            try body(
                ["eval", folder + "/network.keras", "--preprocess", "raw", "--data"], Arrays(folder: folder))
        }
    }

    private let images: [Int32] = [9, 1, 2, 0, 8, 3, 7, 6, 5, 1, 2, 4]
    private let labels: [Int32] = [0, 1, 2, 2]

    /// The top-1 of a run.
    private func top1(_ arguments: [String]) throws -> Double? {
        let run = try normconv(arguments + ["--json"])
        #expect(run.code == 0, "\(run.errors)")
        let model = (try run.json()["models"] as? [[String: Any]])?.first
        return (model?["top1"] as? [String: Any])?["value"] as? Double
    }

    @Test("Labels come from a file of their own, an array of it, or an array of any name")
    func sources() throws {
        try withNetwork { eval, arrays in
            let data = try arrays.write("a.h5", [("x", [4, 1, 3], images), ("z", [4], [0, 1, 0, 2])])
            let truth = try arrays.write(
                "b.h5", [("y", [4, 1, 1, 1], labels), ("other", [1, 4], [0, 1, 1, 2])])
            #expect(try top1(eval + [data, "--labels", truth]) == 0.75)
            #expect(try top1(eval + [data, "--labels", truth + ":y"]) == 0.75)
            #expect(try top1(eval + [data, "--labels", truth + ":other"]) == 0.75)
            #expect(try top1(eval + [data, "--labels", "z"]) == 1)
            #expect(try top1(eval + [data, "--images", "x", "--labels", "z"]) == 1)
            let missing = try normconv(eval + [data])
            #expect(missing.code == 1)
            #expect(missing.errors.contains("no labels: found 'x' int32 [4, 1, 3], 'z' int32 [4], expected"))
            // The labels are an input, which no output replaces.
            let output = try normconv(eval + [data, "--labels", truth + ":y", "--csv", truth, "--force"])
            #expect(output.code != 0 && FileManager.default.fileExists(atPath: truth))
            #expect(try top1(eval + [data, "--labels", truth]) == 0.75)
            let unknown = try normconv(eval + [data, "--labels", "nowhere.h5"])
            #expect(
                unknown.code == 1
                    && unknown.errors.contains(
                        "--labels 'nowhere.h5' is neither a file nor an array: found 'x'")
            )
        }
    }

    @Test("The part of a data set that was taken is told on standard error")
    func parts() throws {
        try withNetwork { eval, arrays in
            let data = try arrays.write(
                "a.h5",
                [
                    ("train_x", [1, 1, 3], [0, 0, 9]), ("train_y", [1], [0]), ("test_x", [4, 1, 3], images),
                    ("test_y", [4], labels),
                ])
            let run = try normconv(eval + [data])
            let taken = "assumed: 'test_x' and 'test_y' are the split; the file also has 'train_x'"
            #expect(run.errors.contains(taken) && run.output.contains("array 'test_y', numbers are"))
            #expect(try normconv(eval + [data, "--quiet"]).errors.isEmpty)
            #expect(try top1(eval + [data]) == 0.75)
        }
    }

    @Test("A factor takes integers to pixels; without one the error names the range and the option")
    func scale() throws {
        try withNetwork { eval, arrays in
            let data = try arrays.write(
                "a.h5", [("x", [4, 1, 3], images.map { $0 * 100 }), ("y", [4], labels)])
            let refused = try normconv(eval + [data])
            #expect(refused.code == 1)
            #expect(
                refused.errors.contains("elements are int32 from 0 to 900, expected uint8; give the factor"))
            let outputs = arrays.folder + "/o.npy"
            #expect(try normconv(eval + [data, "--scale", "0.25", "--outputs", outputs]).code == 0)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: outputs)).suffix(48)
            let values = stride(from: 0, to: 48, by: 4).map { start in
                Float(
                    bitPattern: (0..<4).reduce(0) {
                        $0 | UInt32(bytes[bytes.startIndex + start + $1]) << (8 * $1)
                    })
            }
            #expect(values == images.map { Float($0) * 25 })
            for scale in ["0", "-1", "nan", "inf", "big"] {
                #expect(try normconv(eval + [data, "--scale", scale]).code == 64)
            }
        }
    }

    @Test("Colours for a network that takes grey need --channels, and grey for one that takes colours")
    func channels() throws {
        try withNetwork { eval, arrays in
            let colours = images.flatMap { [$0, $0, $0] }
            let data = try arrays.write("a.h5", [("x", [4, 1, 3, 3], colours), ("y", [4], labels)])
            let refused = try normconv(eval + [data, "--layout", "nhwc"])
            #expect(refused.code == 1)
            #expect(refused.errors.contains("images have 3 channels, but "))
            #expect(refused.errors.contains("takes 1; --channels gray takes the brightness (ITU-R 601)"))
            #expect(try top1(eval + [data, "--layout", "nhwc", "--channels", "gray"]) == 0.75)
            #expect(try normconv(eval + [data, "--channels", "bgr"]).code == 64)
        }
        try TestFiles.withTemporaryFolder { folder in
            let (data, network) = (
                folder + "/grey.h5", TestFiles.fixture("torchvision-bottleneck.safetensors")
            )
            let output = try HDF5Output(creating: data)
            try output.write(
                (0..<12 * 64).map { UInt8($0 % 251) }, of: .uint8, shape: [12, 8, 8], to: "pictures")
            try output.close()
            let diff = ["diff", network, network, "--data", data]
            let convert = [
                "convert", network, folder + "/x.safetensors", "--dry-run", "--epochs", "0", "--calibrate",
                data,
            ]
            for command in [diff, convert] {
                let named = command + ["--image-array", "pictures"]
                #expect(try normconv(named + ["--channels", "rgb"]).code == 0)
                let grey = try normconv(named)
                #expect(
                    grey.code == 1 && grey.errors.contains("takes 3; --channels rgb repeats the grey value"))
                let unnamed = try normconv(command)
                #expect(unnamed.code == 1 && unnamed.errors.contains("found 'pictures' uint8 [12, 8, 8]"))
            }
            let usage = ["convert", network, "x.safetensors"]
            for option in [["--image-array", "x"], ["--channels", "rgb"], ["--image-root", "x"]] {
                #expect(try normconv(usage + option).code == 64)
            }
        }
    }

    @Test("A list's images are in the folder of --image-root")
    func root() throws {
        try TestFiles.withTemporaryFolder { folder in
            let list = folder + "/list.csv"
            try Data("image_id,label\nrgb,0\ngrey16,1\n".utf8).write(to: URL(fileURLWithPath: list))
            let network = TestFiles.fixture("torchvision-bottleneck.safetensors")
            let arguments = ["eval", network, "--data", list, "--crop", "32"]
            let missing = try normconv(arguments)
            #expect(missing.code == 1 && missing.errors.contains("there is no 'rgb'"))
            let run = try normconv(arguments + ["--image-root", TestFiles.fixture("images"), "--json"])
            #expect(run.code == 0, "\(run.errors)")
            #expect(try run.json()["images"] as? Int == 2)
        }
    }
}
