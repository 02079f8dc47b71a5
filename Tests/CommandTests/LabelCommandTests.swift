import Foundation
import TestSupport
import Testing

@Suite("eval: heads and labels")
struct LabelCommandTests {
    /// Values before a sigmoid, and labels of which the last is wrong.
    private static let values: [Float] = [-2, 1, 0.5, -1]
    private static let labels: [UInt8] = [0, 1, 1, 1]

    private func withNetwork(
        activation: String = "sigmoid", classNames: [String]? = nil,
        _ body: (_ network: String, _ data: String, _ folder: String) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let (network, data) = (folder + "/network.keras", folder + "/split.h5")
            try MadeNetwork.write(to: network, outputs: 1, activation: activation)
            try MadeNetwork.writeSplit(
                to: data, Self.values.map { [$0] }, labels: Self.labels, classNames: classNames)
            try body(network, data, folder)
        }
    }

    @Test(
        "One sigmoid's text says what outputs and labels were taken for, and its figures are those of two classes"
    )
    func text() throws {
        try withNetwork(classNames: ["cat", "dog"]) { network, data, _ in
            let run = try normconv("eval", network, "--data", data)
            #expect(run.code == 0, "\(run.errors)")
            let lines = run.output.components(separatedBy: "\n")
            #expect(lines.contains("  labels        array 'labels', names in the split's order"))
            #expect(lines.contains("  classes       0 cat, 1 dog"))
            #expect(lines.contains("  outputs       one sigmoid: p of class 1, 1 − p of class 0"))
            #expect(lines.contains { $0.hasPrefix("  top-1         75.0 %") })
            // (log(1 + e⁻²) + log(1 + e⁻¹) + log(1 + e⁻⁰·⁵) + log(1 + e¹)) / 4
            #expect(lines.contains { $0.hasPrefix("  NLL           0.5569") })
            let both = try normconv("eval", network, network, "--data", data)
            #expect(both.output.contains("network.keras: one sigmoid: p of class 1, 1 − p of class 0"))
            for line in (lines + both.output.components(separatedBy: "\n")) where !line.contains(data) {
                #expect(line.count <= 80 || line.contains(network), "\(line)")
            }
        }
    }

    @Test("JSON, CSV and HTML say the same of one sigmoid")
    func files() throws {
        try withNetwork { network, data, folder in
            let (csv, html) = (folder + "/images.csv", folder + "/report.html")
            let run = try normconv(
                "eval", network, "--data", data, "--json", "--csv", csv, "--html", html)
            #expect(run.code == 0, "\(run.errors)")
            let report = try run.json()
            let model = try #require((report["models"] as? [[String: Any]])?.first)
            #expect(model["head"] as? String == "sigmoid")
            #expect((model["classes"] as? [Any])?.count == 2)
            let labels = try #require(report["labels"] as? [String: String])
            #expect(labels == ["source": "array 'labels'", "order": "numbers are output indices"])
            let rows = try String(contentsOfFile: csv, encoding: .utf8).components(separatedBy: "\r\n")
                .dropFirst().filter { !$0.isEmpty }.map { $0.components(separatedBy: ",") }
            #expect(rows.map { $0[3] } == ["0", "1", "1", "0"])
            #expect(rows.map { $0[5] } == ["1", "1", "1", "0"])
            for (row, value) in zip(rows, Self.values) {
                let p = 1 / (1 + exp(-Double(value)))
                #expect(abs((Double(row[4]) ?? .nan) - max(p, 1 - p)) < 1e-12)
            }
            let page = try String(contentsOfFile: html, encoding: .utf8)
            #expect(page.contains("one sigmoid") && page.contains("array &#39;labels&#39;"))
        }
    }

    @Test("One output without a sigmoid is refused by name, and read as one with --sigmoid")
    func linear() throws {
        try withNetwork(activation: "linear") { network, data, _ in
            let refused = try normconv("eval", network, "--data", data)
            #expect(refused.code == 1 && refused.output.isEmpty)
            #expect(refused.errors.contains("network.keras: the network has one output and no sigmoid"))
            let run = try normconv("eval", network, "--data", data, "--sigmoid")
            #expect(run.code == 0 && run.output.contains("top-1         75.0 %"), "\(run.errors)")
        }
    }

    @Test("A list, a folder and arrays of three named classes are refused alike by a network of ten")
    func classes() throws {
        let network = TestFiles.fixture("torchvision-bottleneck.safetensors")
        try TestFiles.withTemporaryFolder { folder in
            let image = TestFiles.fixture("images/rgb.png")
            for name in ["a", "b", "c"] {
                let place = folder + "/images/" + name
                try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(
                    atPath: place + "/1.png", withDestinationPath: image)
            }
            let header = "path,label\n"
            for (name, text) in [
                ("names.csv", header + "\(image),a\n\(image),b\n\(image),c\n"),
                ("onehot.csv", "path,a,b,c\n\(image),1,0,0\n"),
                ("numbers.csv", header + "\(image),0\n\(image),10\n"),
            ] { try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name)) }
            for data in ["images", "names.csv", "onehot.csv"] {
                let run = try normconv("eval", network, "--data", folder + "/" + data)
                #expect(run.code == 1 && run.output.isEmpty)
                #expect(
                    run.errors.contains(
                        "3 classes, but \(network) has 10 outputs; give the index of the output for each class"
                    ),
                    "\(data)")
            }
            let numbers = try normconv("eval", network, "--data", folder + "/numbers.csv")
            #expect(numbers.code == 1)
            #expect(numbers.errors.contains("rgb.png: image 1: label 10, expected 0…9"))
        }
        try TestFiles.withTemporaryFolder { folder in
            let (small, data) = (folder + "/network.keras", folder + "/arrays.h5")
            try MadeNetwork.write(to: small, outputs: 4, activation: "softmax")
            let images: [[Float]] = [[1, 0, 0, 0], [0, 1, 0, 0]]
            try MadeNetwork.writeSplit(to: data, images, labels: [0, 1], classNames: ["a", "b", "c"])
            let run = try normconv("eval", small, "--data", data)
            #expect(
                run.code == 1
                    && run.errors.contains(
                        "3 classes, but \(small) has 4 outputs; give the index of the output for each class")
            )
        }
    }

    @Test("Labels that may count from 1 are warned of; those that do are refused")
    func countingFromOne() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (network, data) = (folder + "/network.keras", folder + "/split.h5")
            try MadeNetwork.write(to: network, outputs: 3, activation: "softmax")
            let images: [[Float]] = [[1, 0, 0], [0, 1, 0]]
            try MadeNetwork.writeSplit(to: data, images, labels: [1, 2])
            let run = try normconv("eval", network, "--data", data)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.contains("class 0 never occurs, and 1…2 all do: do labels count from 1?"))
            let json = try normconv("eval", network, "--data", data, "--json").json()
            #expect((json["labels"] as? [String: String])?["doubt"]?.contains("class 0") == true)
            try MadeNetwork.writeSplit(to: folder + "/three.h5", images, labels: [1, 3])
            let refused = try normconv("eval", network, "--data", folder + "/three.h5")
            #expect(refused.code == 1 && refused.errors.contains("labels are 1…3, expected 0…2"))
        }
    }
}
