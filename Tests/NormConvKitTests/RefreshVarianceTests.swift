import Archives
import Foundation
import TestSupport
import Testing

@testable import NormConvKit

/// A network of two batch norms of one channel, of which one sees maps or steps and the other their means, and a network of
/// volumes.
@Suite("Batch variances are kept as the framework keeps them")
struct RefreshVarianceTests {
    /// What writes the configuration, and what the first norm takes.
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case maps2, steps2, maps3

        var isKeras3: Bool { self == .maps3 }
        var isSteps: Bool { self == .steps2 }
        var testDescription: String { "Keras \(isKeras3 ? 3 : 2), \(isSteps ? "steps" : "maps")" }

        /// Two images of 1×2, or two series of two steps.
        var shape: [Int] { isSteps ? [2, 2, 1] : [2, 1, 2, 1] }

        fileprivate var config: String {
            let norm = { (name: String) in
                #"{"class_name": "BatchNormalization", "config": {"name": "\#(name)", "axis": -1, "epsilon": 0.5, "#
                    + #""center": false, "scale": false}}"#
            }
            let extents = (["null"] + shape.dropFirst().map(String.init)).joined(separator: ", ")
            return """
                {"class_name": "Sequential", "config": {"name": "made", "layers": [
                {"class_name": "InputLayer", "config": {"name": "input", \
                "\(isKeras3 ? "batch_shape" : "batch_input_shape")": [\(extents)]}},
                \(norm("inner")),
                {"class_name": "GlobalAveragePooling\(isSteps ? 1 : 2)D", \
                "config": {"name": "means", "data_format": "channels_last"}},
                \(norm("outer")),
                {"class_name": "Dense", "config": {"name": "head", "units": 2, "use_bias": false}}]}}
                """
        }
    }

    private static let unlabelled: SplitOptions = {
        var options = SplitOptions()
        options.requiresLabels = false
        return options
    }()

    private func write(_ values: [Float], _ shape: [Int], to path: String) throws {
        var data = Data(NumpyArray.header(.float32, shape: shape))
        values.withUnsafeBytes { data.append(contentsOf: $0) }
        try data.write(to: URL(fileURLWithPath: path))
    }

    /// The network of the kind, refreshed on (0, 2) and (4, 10).
    private func refreshed(_ kind: Kind, batch: Int) async throws -> Model {
        try await TestFiles.withTemporaryFolder { folder in
            let statistics = ["inner", "outer"].flatMap { ["\($0)/moving_mean", "\($0)/moving_variance"] }
            let tensors = statistics.map { ($0, Shape([1])) } + [("head/kernel", Shape([1, 2]))]
            let parameters = tensors.map { name, shape in
                Parameter(name: name, shape: shape, elementType: .float32) {
                    Tensor(shape: shape, repeating: 1)
                }
            }
            let path = folder + "/made.h5"
            try NewCheckpoint(
                parameters: ParameterTable(parameters), isKeras: true, modelConfig: kind.config, note: "{}"
            ).write(to: path, layout: .keras, overwrite: false)
            let model = try Model(path: path)
            #expect(model.network.input.dimensions == (kind.isSteps ? 1 : 2))
            try write([0, 2, 4, 10], kind.shape, to: folder + "/x.npy")
            var options = Self.unlabelled
            options.layout = .nhwc
            let split = try model.split(path: folder + "/x.npy", options: options)
            return try await model.refreshingStatistics(on: split, batch: batch, preprocessing: .raw)
        }
    }

    /// Means 4 and 0; biased variances 14 = (16 + 4 + 0 + 36)/4 and 9/14.5, as means of normalized pairs are ∓3/√14.5.
    @Test(
        "Keras 2 corrects the bias on maps (N/(N − 1)), not on steps and vectors; Keras 3 nowhere",
        arguments: Kind.allCases)
    func kerasVersions(kind: Kind) async throws {
        let model = try await refreshed(kind, batch: 2)
        let norms = model.network.nodes.compactMap { node in
            if case .batchNorm(let norm) = node.operation { norm } else { nil }
        }
        try #require(norms.count == 2)
        let values = { (name: String) in try #require(model.parameters[name]).read().values }
        #expect(try values(norms[0].mean) == [4])
        #expect(try values(norms[0].variance) == [kind == .maps2 ? Float(56.0 / 3) : 14])
        #expect(try abs(values(norms[1].mean)[0]) < 1e-7)
        #expect(try abs(values(norms[1].variance)[0] - 9 / 14.5) < 1e-6)
        #expect(model.refresh?.variance == (kind == .maps2 ? .mixed : .biased))
    }

    @Test("A batch of one image has no variance behind global pooling")
    func singleValue() async throws {
        let error = try #require(
            await #expect(throws: NormConvError.self) { try await refreshed(.maps2, batch: 1) })
        #expect(error.description.contains("layer 'outer': a batch of one image holds one value"))
        #expect(error.description.hasSuffix("use --refresh-batch 2 or more"))
    }

    /// After one batch, a network of Keras 3 normalizes that batch in inference as it did in training: what the reference
    /// engine says enters a norm has the mean and the biased variance that the norm has now. Within 1e-5 standard deviations
    /// and 1e-5 of the variance.
    @Test("Volumes have the statistics of what enters their norms")
    func volumes() async throws {
        try await TestFiles.withTemporaryFolder { folder in
            let (network, images) = (folder + "/volumes.keras", folder + "/x.npy")
            try TestFiles.withDimensions("volumes.keras") {
                try FileManager.default.copyItem(atPath: $0, toPath: network)
            }
            let inputs = try TestFiles.withDimensions("outputs.h5") { try dataset("volumes/inputs", in: $0) }
            try write(inputs.values, inputs.shape.extents, to: images)
            let model = try Model(path: network)
            let split = try model.split(path: images, options: Self.unlabelled)
            let refreshed = try await model.refreshingStatistics(on: split, preprocessing: .raw)
            #expect(refreshed.refresh?.images == 3 && refreshed.refresh?.batch == 3)
            try expectOwnStatistics(refreshed, inputs)
        }
    }

    private func expectOwnStatistics(_ model: Model, _ inputs: Tensor) throws {
        let shape = Shape(Array(inputs.shape.extents.dropFirst()))
        let engine = try ReferenceEngine(
            network: model.network, parameters: model.parameters, imageShape: shape)
        let values = (0..<inputs.shape[0]).map { image in
            engine.values(
                for: Tensor(
                    shape: shape,
                    values: Array(inputs.values[image * shape.count..<(image + 1) * shape.count])))
        }
        var norms = 0
        for node in model.network.nodes {
            guard case .batchNorm(let norm) = node.operation else { continue }
            norms += 1
            let entering = values.flatMap { $0[node.inputs[0]].values }
            let mean = try #require(model.parameters[norm.mean]).read().values
            let variance = try #require(model.parameters[norm.variance]).read().values
            for channel in 0..<norm.channels {
                let own = stride(from: channel, to: entering.count, by: norm.channels).map {
                    Double(entering[$0])
                }
                let average = own.reduce(0, +) / Double(own.count)
                let spread = own.reduce(0) { $0 + ($1 - average) * ($1 - average) } / Double(own.count)
                #expect(abs(Double(mean[channel]) - average) <= 1e-5 * spread.squareRoot(), "\(node.layer)")
                #expect(abs(Double(variance[channel]) / spread - 1) <= 1e-5, "\(node.layer), \(channel)")
            }
        }
        #expect(norms == 3)
    }
}
