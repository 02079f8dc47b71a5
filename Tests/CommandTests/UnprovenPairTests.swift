import Foundation
import NormConvKit
import TestSupport
import Testing

/// Networks of which only names and shapes are known, where no name proves what stands before a norm.
@Suite("convert and inspect: pairs that are not proven")
struct UnprovenPairTests {
    /// Two stages, the second with a shortcut whose convolution has no norm: numbers drift apart there. The order proves the
    /// first pair of each width.
    private static let keras: [MadeLayer] = [
        .input("input_layer"), .convolution("conv2d", 3, 8), .norm("batch_normalization", 8),
        .convolution("conv2d_1", 8, 16), .norm("batch_normalization_1", 16),
        .convolution("conv2d_2", 16, 16), .convolution("conv2d_3", 8, 16, size: 1),
        .norm("batch_normalization_2", 16), .convolution("conv2d_4", 16, 16),
        .norm("batch_normalization_3", 16),
    ]
    private static func torch(hasReLU: Bool = false) -> [MadeLayer] {
        [
            .convolution("stem.conv", 3, 8), .norm("stem.bn", 8, hasReLU: hasReLU),
            .convolution("a.conv1", 8, 16), .norm("a.bn1", 16, hasReLU: hasReLU),
            .convolution("a.conv2", 16, 16), .norm("a.bn2", 16, hasReLU: hasReLU),
        ]
    }

    private static func layers(_ layout: MadeLayout) -> [MadeLayer] { layout == .torch ? torch() : keras }

    private static let manners = [
        ["--ws", "on"], ["--ws", "off"], ["--ws", "all"], ["--add-bias"], ["--init", "copy"],
    ]

    /// Converts the layers, and gives what the program said and where the output is.
    private func convert<Result>(
        _ layers: [MadeLayer], _ layout: MadeLayout, _ options: [String],
        _ body: (Run, _ output: String) throws -> Result
    ) throws -> Result {
        try TestFiles.withTemporaryFolder { folder in
            let (input, output) = (layout.path(folder, "in"), layout.path(folder, "out"))
            try layout.write(layers, to: input)
            let run = try normconv(["convert", input, output, "--groups", "size:4"] + options)
            #expect(run.code == 0, "\(run.errors)")
            return try body(run, output)
        }
    }

    @Test("kernels and biases stay as they are, in every layout", arguments: MadeLayout.allCases, manners)
    func untouched(layout: MadeLayout, options: [String]) throws {
        let layers = Self.layers(layout)
        try convert(layers, layout, options) { run, output throws in
            for layer in layers where layer.parameters.first?.role == "kernel" {
                for role in ["kernel", "bias"] {
                    let stored = layer.parameters.first { $0.role == role }?.values
                    #expect(try layout.values(layer, role, in: output) == stored, "\(layer.name)")
                }
            }
            // The norms are converted: 3.2's closed form for the first of each file.
            guard options != ["--init", "copy"] else { return }
            let norm = try #require(layers.first { $0.parameters.first?.role == "gamma" })
            let found = try layout.values(norm, "gamma", in: output)
            let expected = Self.gamma(norm, epsilon: layout == .torch ? 1e-5 : 1e-3)
            for (found, expected) in zip(found, expected) { #expect(abs(Double(found) - expected) < 1e-5) }
            #expect(run.output.contains("0 convolutions standardized"))
        }
    }

    /// γ√(v + 1e-5)/√(σ² + ε) in groups of four.
    private static func gamma(_ norm: MadeLayer, epsilon: Double) -> [Double] {
        let values = norm.parameters.map { $0.values.map(Double.init) }
        return values[0].indices.map { channel in
            let group = channel / 4 * 4..<channel / 4 * 4 + 4
            let mean: Double = group.reduce(0) { $0 + values[2][$1] } / 4
            let variance: Double =
                group.reduce(0) { sum, other in
                    let distance = values[2][other] - mean
                    return sum + values[3][other] + distance * distance
                } / 4
            let ratio = (variance + 1e-5) / (values[3][channel] + epsilon)
            return values[0][channel] * ratio.squareRoot()
        }
    }

    @Test("convert says once what stays and how to go on, where weights were to be standardized")
    func warning() throws {
        func warnings(_ layout: MadeLayout, _ options: String...) throws -> [String] {
            try convert(Self.layers(layout), layout, options) { run, _ in
                run.errors.split(separator: "\n").map(String.init).filter { $0.contains("nothing proves") }
            }
        }
        for layout in MadeLayout.allCases {
            let found = try warnings(layout, "--ws", "on")
            #expect(found.count == 1 && found[0].hasPrefix("warning: "))
            #expect(found.first?.contains("--architecture FILE") == (layout != .torch))
            #expect(found.first?.contains("--assume-adjacent") == true)
            #expect(try warnings(layout, "--ws", "off").isEmpty)
            #expect(try warnings(layout, "--ws", "off", "--add-bias").count == 1)
        }
    }

    @Test("the text counts the pairs by what pairs them, and names three at most")
    func text() throws {
        let layers: [MadeLayer] = (0..<5).flatMap { index -> [MadeLayer] in
            let number = index == 0 ? "" : "_\(index)"
            return [.convolution("conv2d\(number)", 3, 8), .norm("batch_normalization\(number)", 8)]
        }
        try convert(layers, .saved, ["--ws", "on"]) { run, _ throws in
            let line = try #require(run.output.split(separator: "\n").first { $0.contains("not proven") })
            #expect(line.hasPrefix("  5 by numbers, not proven: conv2d → batch_normalization, "))
            #expect(line.hasSuffix(" … and 2 more (all in --json)"))
            #expect(run.output.contains("  5 not known to be adjacent"))
            #expect(!run.output.contains("Convolutions that are not standardized"))
        }
    }

    /// norm → convolution, pairing and adjacency
    private func pairs(_ json: [String: Any]) throws -> [String: [String?]] {
        let pairs = try #require(json["pairs"] as? [[String: Any]])
        let rows = pairs.map { pair in
            (
                pair["norm"] as? String ?? "",
                ["convolution", "pairing", "adjacency"].map { pair[$0] as? String }
            )
        }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    @Test("JSON has every pair, from inspect and from convert")
    func json() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = MadeLayout.legacy.path(folder, "in")
            try MadeLayout.legacy.write(Self.keras, to: path)
            let expected: [String: [String?]] = [
                "batch_normalization": ["conv2d", "order", "unknown"],
                "batch_normalization_1": ["conv2d_1", "order", "unknown"],
                "batch_normalization_2": ["conv2d_2", "numbers", "unknown"],
                "batch_normalization_3": ["conv2d_3", "numbers", "unknown"],
            ]
            let inspected = try normconv("inspect", path, "--json").json()
            #expect(try pairs(inspected) == expected)
            // A guess is not given where the graph's pairs are.
            let norms = try #require(inspected["norms"] as? [[String: Any]])
            #expect(norms.count == 4 && norms.allSatisfy { $0["convolution"] == nil })
            let arguments = ["convert", path, folder + "/x.h5", "--dry-run", "--json"]
            #expect(try pairs(normconv(arguments).json()) == expected)
            let assumed = try pairs(normconv(arguments + ["--assume-adjacent"]).json())
            #expect(assumed["batch_normalization"] == ["conv2d", "order", "assumed"])
            #expect(assumed["batch_normalization_3"] == ["conv2d_3", "numbers", "unknown"])
            let text = try normconv("inspect", path).output
            #expect(text.contains("conv2d_1? by order") && text.contains("conv2d_2? by numbers"))
            #expect(text.contains("  2 proven by order") && !text.contains("PyTorch"))
        }
    }

    @Test(
        "a file that does not begin with an input, or has several layers in a group, proves nothing by order")
    func noOrder() throws {
        func pairings(_ layers: [MadeLayer]) throws -> Set<String?> {
            try TestFiles.withTemporaryFolder { folder throws in
                let path = MadeLayout.legacy.path(folder, "in")
                try MadeLayout.legacy.write(layers, to: path)
                return Set(try pairs(normconv("inspect", path, "--json").json()).values.map { $0[1] })
            }
        }
        let kernel = [Float](repeating: 1, count: 35)
        let block = MadeLayer(
            name: "block", parameters: [("a/kernel", [5, 7], kernel), ("b/kernel", [5, 7], kernel)])
        let plain = MadeLayer(name: "plain", parameters: [("a/kernel", [5, 7], kernel)])
        #expect(try pairings(Self.keras + [plain]).contains("order"))
        #expect(try !pairings(Self.keras + [block]).contains("order"))
        #expect(try !pairings(Array(Self.keras.dropFirst())).contains("order"))
    }

    @Test(
        "a network whose graph is known has proven pairs alone, and --assume-adjacent says that it does nothing"
    )
    func known() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let model = TestFiles.fixture("mnist-resnet.keras3.h5")
            let found = try pairs(normconv("inspect", model, "--json").json())
            #expect(found.count == 9 && found.values.allSatisfy { $0[1] == "graph" && $0[2] == "proven" })
            let (plain, assumed) = (folder + "/plain.h5", folder + "/assumed.h5")
            #expect(try normconv("convert", model, plain).code == 0)
            let run = try normconv("convert", model, assumed, "--assume-adjacent")
            #expect(
                run.code == 0 && run.errors.contains("--assume-adjacent has no effect: the graph is known"))
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: plain))
                    == Data(contentsOf: URL(fileURLWithPath: assumed)))
            #expect(!run.output.contains("Pairs of convolution and norm"))
        }
    }

    @Test(
        "--assume-adjacent standardizes what is paired, but where statistics contradict it or numbers alone pair"
    )
    func assumed() throws {
        func standardized(_ layers: [MadeLayer], _ layout: MadeLayout) throws -> (Set<String>, errors: String)
        {
            try convert(layers, layout, ["--ws", "on", "--assume-adjacent"]) { run, output throws in
                let changed = try layers.filter { layer in
                    guard let kernel = layer.parameters.first, kernel.role == "kernel" else { return false }
                    return try layout.values(layer, "kernel", in: output) != kernel.values
                }
                return (Set(changed.map(\.name)), run.errors)
            }
        }
        #expect(try standardized(Self.keras, .legacy).0 == ["conv2d", "conv2d_1"])
        #expect(try standardized(Self.keras, .saved).0 == ["conv2d"])
        // Kernels are stored in another order: all differ from what was made, and none below.
        let plain = try convert(Self.torch(), .torch, ["--assume-adjacent", "--json"]) { run, _ in
            try run.json()
        }
        #expect(plain["standardized"] as? [String] == ["a.conv1", "a.conv2", "stem.conv"])
        let withReLU = try convert(
            Self.torch(hasReLU: true), .torch, ["--assume-adjacent", "--json"]
        ) { run, _ throws in (try run.json(), run.errors) }
        #expect(withReLU.0["standardized"] as? [String] == [])
        #expect(withReLU.1.contains("contradicts the statistics of 'a.bn1', 'a.bn2', 'stem.bn'"))
        #expect(try pairs(withReLU.0).values.allSatisfy { $0[2] == "contradicted" })
    }

    @Test("--assume-adjacent changes no layout: wrong usage beside --to none")
    func usage() throws {
        let run = try normconv("convert", "in.h5", "out.h5", "--to", "none", "--assume-adjacent")
        #expect(run.code == 64 && run.errors.contains("--assume-adjacent"))
    }
}
