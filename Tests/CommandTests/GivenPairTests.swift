import Foundation
import TestSupport
import Testing

/// `--pairs` and `--batch-epsilon`: what a file of names does not record.
@Suite("convert and inspect: pairs and epsilon from outside")
struct GivenPairTests {
    private static let layers: [MadeLayer] = [
        .convolution("conv2d", 3, 8), .norm("batch_normalization", 8), .convolution("conv2d_1", 8, 8),
        .norm("batch_normalization_1", 8),
    ]

    /// Writes the layers and the pairs, and runs the command on them; `{in}`, `{out}` and `{pairs}` are their paths.
    private func run(
        _ layout: MadeLayout, _ pairs: String, _ arguments: String...,
        check: (Run, _ output: String) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let paths = [
                "{in}": layout.path(folder, "in"), "{out}": layout.path(folder, "out"),
                "{pairs}": folder + "/pairs.json",
            ]
            try layout.write(Self.layers, to: layout.path(folder, "in"))
            try Data(pairs.utf8).write(to: URL(fileURLWithPath: folder + "/pairs.json"))
            let run = try normconv(arguments.map { paths[$0] ?? $0 })
            try check(run, layout.path(folder, "out"))
        }
    }

    @Test("given pairs are standardized as those of a graph, in every layout", arguments: MadeLayout.allCases)
    func standardized(layout: MadeLayout) throws {
        // Not those that their numbers suggest.
        let pairs = #"""
            [{"conv": "conv2d", "norm": "batch_normalization_1"}, {"conv": "conv2d_1", "norm": "batch_normalization"}]
            """#
        try run(
            layout, pairs, "convert", "{in}", "{out}", "--pairs", "{pairs}", "--groups", "size:4", "--json"
        ) { run, output in
            #expect(run.code == 0, "\(run.errors)")
            guard run.code == 0 else { return }
            let report = try run.json()
            #expect(Set(report["standardized"] as? [String] ?? []) == ["conv2d", "conv2d_1"])
            let found = try #require(report["pairs"] as? [[String: Any]])
            #expect(found.count == 2)
            #expect(
                found.allSatisfy {
                    $0["pairing"] as? String == "given" && $0["adjacency"] as? String == "proven"
                })
            #expect(!run.errors.contains("nothing proves"))
            // Every filter has mean 0 and variance 1, as weight standardization makes it.
            for layer in Self.layers where layer.parameters[0].role == "kernel" {
                let values = try layout.values(layer, "kernel", in: output)
                let outputs = 8
                let size = values.count / outputs
                for filter in 0..<outputs {
                    let weights = (0..<size).map { index in
                        Double(values[layout == .torch ? filter * size + index : index * outputs + filter])
                    }
                    let mean = weights.reduce(0, +) / Double(size)
                    let variance = weights.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(size)
                    #expect(abs(mean) < 1e-6 && abs(variance - 1) < 1e-5)
                }
            }
        }
    }

    @Test("--batch-epsilon is the norms' epsilon, and inspect says where it is from")
    func epsilon() throws {
        try run(.torch, "{}", "inspect", "{in}", "--batch-epsilon", "1e-3", "--json") { run, _ in
            let report = try run.json()
            let norms = try #require(report["norms"] as? [[String: Any]])
            #expect(norms.count == 2 && norms.allSatisfy { $0["epsilon"] as? Double == 1e-3 })
            #expect((report["assumptions"] as? [String])?.contains("batch norms: ε 0.001, by option") == true)
        }
        // γ√(v + 1e-5)/√(σ² + ε) with one channel a group.
        try run(
            .torch, "{}", "convert", "{in}", "{out}", "--batch-epsilon", "0.5", "--to", "in"
        ) { run, output in
            #expect(run.code == 0, "\(run.errors)")
            let norm = Self.layers[1]
            let (gamma, variance) = (norm.parameters[0].values, norm.parameters[3].values)
            let found = try MadeLayout.torch.values(norm, "gamma", in: output)
            for channel in found.indices {
                let ratio = (Double(variance[channel]) + 1e-5) / (Double(variance[channel]) + 0.5)
                #expect(abs(Double(found[channel]) - Double(gamma[channel]) * ratio.squareRoot()) < 1e-6)
            }
        }
    }

    @Test(
        "what does not fit is one error that names the file and the pair",
        arguments: [
            (#"{"conv2d": "z"}"#, "no norm named 'z'"),
            (#"{"zero": "batch_normalization"}"#, "no plain convolution named 'zero'"),
            (
                #"{"conv2d": "batch_normalization", "conv2d_1": "batch_normalization"}"#,
                "'batch_normalization' stands in two pairs"
            ),
            (#"{"conv2d": 1}"#, "expected the name of a norm"),
            ("[", "JSON"),
        ])
    func errors(pairs: String, expected: String) throws {
        try run(.torch, pairs, "inspect", "{in}", "--pairs", "{pairs}") { run, _ in
            #expect(run.code == 1 && run.errors.contains(expected), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1)
            #expect(run.errors.contains("pairs.json") || run.errors.contains("in.h5"))
        }
    }

    @Test("a configuration states the graph and epsilon: both options are refused")
    func configuration() throws {
        try TestFiles.withTemporaryFolder { folder in
            let pairs = folder + "/pairs.json"
            try Data("{}".utf8).write(to: URL(fileURLWithPath: pairs))
            let model = TestFiles.fixture("mnist-resnet.keras3.h5")
            let one = try normconv("inspect", model, "--pairs", pairs)
            #expect(one.code == 1 && one.errors.contains("leave --pairs out"))
            let two = try normconv("inspect", model, "--batch-epsilon", "1e-3")
            #expect(two.code == 1 && two.errors.contains("leave --batch-epsilon out"))
        }
    }

    @Test("--batch-epsilon below 0 or not a number is wrong usage", arguments: ["-1", "nan", "inf"])
    func usage(value: String) throws {
        let run = try normconv("inspect", "in.h5", "--batch-epsilon=\(value)")
        #expect(run.code == 64 && run.errors.contains("--batch-epsilon must be 0 or more"))
    }
}
