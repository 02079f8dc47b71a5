import HDF5
import NormConvKit
import TestSupport
import Testing

/// A dataset of an HDF5 file, as Float.
func dataset(_ name: String, in path: String) throws -> Tensor {
    let dataset = try HDF5File(reading: path).root.dataset(name)
    return Tensor(shape: Shape(dataset.shape), values: try dataset.readFloats())
}

/// A dataset of a committed fixture, as Float.
func fixture(_ name: String, in file: String) throws -> Tensor {
    try dataset(name, in: TestFiles.fixture(file))
}

/// The first images of a split, preprocessed, [images, height, width, channels].
func images(_ count: Int, of split: Split, _ preprocessing: Preprocessing) throws -> Tensor {
    let shape: Shape = [count, split.height, split.width, split.channels]
    return Tensor(shape: shape, values: try split.read(0..<count, preprocessing: preprocessing))
}

/// Stored pixels [images, height, width, RGB] as keras.applications or torchvision preprocess them.
func preprocessed(_ pixels: Tensor, _ value: (_ channel: Int, _ colours: ArraySlice<Float>) -> Float)
    -> Tensor
{
    var result = pixels
    for index in result.values.indices {
        let first = index - index % 3
        result.values[index] = value(index % 3, pixels.values[first..<first + 3])
    }
    return result
}

/// The values before a final softmax that a network gives for preprocessed images.
func logits(_ model: Model, _ images: Tensor, _ engine: EngineKind) throws -> Tensor {
    let shape = Shape(Array(images.shape.extents.dropFirst()))
    let engine = try model.engine(engine, imageShape: shape)
    let values = try engine.run(on: ImageSource(images))
    return Tensor(shape: [images.shape[0], engine.outputCount], values: values)
}

/// Softmax of each row.
func probabilities(_ logits: Tensor) throws -> Tensor {
    let classes = logits.shape[1]
    var graph = Network(
        name: "softmax", architecture: "softmax", family: .keras,
        input: Network.Input(height: 1, width: 1, channels: classes),
        nodes: [Node(layer: "input", operation: .input, inputs: [])], output: 1)
    graph.nodes.append(Node(layer: "softmax", operation: .activation(.softmax), inputs: [0]))
    let engine = try ReferenceEngine(
        network: graph, parameters: ParameterTable(), imageShape: [1, 1, classes])
    let images = logits.reshaped([logits.shape[0], 1, 1, classes])
    return Tensor(shape: logits.shape, values: try engine.run(on: ImageSource(images)))
}

/// Whether every element is within 1e-4 of the expected one, relatively where that is above 1.
func expectClose(
    _ found: Tensor, _ expected: Tensor, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.shape == expected.shape, comment, sourceLocation: sourceLocation)
    let worst = zip(found.values, expected.values)
        .map { found, expected in abs(found - expected) / max(1, abs(expected)) }
        .reduce(0) { $1 <= $0 ? $0 : $1 }
    #expect(worst <= 1e-4, comment, sourceLocation: sourceLocation)
}

extension Tensor {
    /// The first rows.
    func prefix(_ rows: Int) -> Tensor {
        let extents = [rows] + shape.extents.dropFirst()
        return Tensor(shape: Shape(extents), values: Array(values.prefix(Shape(extents).count)))
    }
}

/// The layers of a zoo network whose values are known.
func layerNames(of network: String) throws -> [String] {
    try HDF5File(reading: TestFiles.fixture("zoo/outputs.h5")).root.group("\(network)/layers").names()
}
