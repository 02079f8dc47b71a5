import Foundation
import TestSupport
import Testing

@testable import NormConvKit

/// Files of weights alone, whose architecture is given each time: always that of the first network.
@Suite("Weights with a given architecture")
struct WeightsOnlyTests {
    private let weights = TestFiles.fixture("mnist-sequential.weights.h5")
    private let whole = TestFiles.fixture("mnist-sequential.keras")

    /// The architecture as `model.to_json()` writes it.
    private func architecture() throws -> String {
        try #require(try Model(path: whole).checkpoint.modelConfig)
    }

    /// The outputs of 8 images.
    private func outputs(_ model: Model) throws -> Tensor {
        let split = try Split(path: TestFiles.fixture("mnist-test-100.npz"))
        return try logits(model, images(8, of: split, .raw), .reference)
    }

    /// Changes both files, and expects the outputs of the weights to be those of the whole model, which has its own architecture.
    private func expectSame(_ change: (Model) throws -> Conversion) throws {
        try TestFiles.withTemporaryFolder { folder in
            let (first, second) = (folder + "/x.weights.h5", folder + "/x.keras")
            let architecture = try architecture()
            try change(Model(path: weights, architecture: architecture)).write(to: first)
            try change(Model(path: whole)).write(to: second)
            let model = try Model(path: first, architecture: architecture)
            #expect(model.unusedParameters.isEmpty, "\(model.unusedParameters)")
            let expected = try outputs(Model(path: second))
            try expectClose(outputs(model), expected)

            // What is converted again knows it still.
            let third = folder + "/y.weights.h5"
            try model.keepingNorms().write(to: third)
            try expectClose(outputs(Model(path: third, architecture: architecture)), expected)
        }
    }

    @Test("new biases are used")
    func biases() throws {
        var options = ConversionOptions(groups: .perGroup(8), weightStandardization: .off)
        options.addsBias = true
        try expectSame { try $0.converting(options) }
    }

    @Test("a head of another number of classes is used, and is there after a conversion")
    func head() throws {
        func tuned(_ model: Model) throws -> Model {
            var model = try model.withNewHead(outputs: 3, classNames: nil)
            for (name, tensor) in model.replacements {
                let values = tensor.values.indices.map { Float(($0 * 7 + 3) % 11) / 8 - 0.5 }
                model.replacements[name] = Tensor(shape: tensor.shape, values: values)
            }
            return model
        }
        try expectSame { try tuned($0).keepingNorms() }
        try TestFiles.withTemporaryFolder { folder in
            let (bn, gn) = (folder + "/bn.weights.h5", folder + "/gn.weights.h5")
            let architecture = try architecture()
            try tuned(Model(path: weights, architecture: architecture)).keepingNorms().write(to: bn)
            let options = ConversionOptions(groups: .perGroup(8), weightStandardization: .off)
            try Model(path: bn, architecture: architecture).converting(options).write(to: gn)
            #expect(try outputs(Model(path: gn, architecture: architecture)).shape == [8, 3])
        }
    }
}
