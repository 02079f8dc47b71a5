import Foundation
import TestSupport
import Testing

@testable import Calibration
@testable import NormConvKit

@Suite("Memory of the layer-wise fit")
struct LayerRoomTests {
    /// Two convolutions at 8×8, two at 4×4.
    private func network() throws -> (network: Network, shapes: [Shape], parameters: ParameterTable) {
        func convolution(_ name: String, _ inputs: Int, _ outputs: Int) -> Convolution {
            Convolution(
                kernel: name, kernelLayout: .oihw, bias: nil, inputs: inputs, outputs: outputs,
                size: Extent(1), strides: Extent(name == "c" ? 2 : 1), dilation: Extent(1), groups: 1,
                padding: .same)
        }
        let layers = [("a", 1, 4), ("b", 4, 4), ("c", 4, 2), ("d", 2, 2)]
        let nodes =
            [Node(layer: "input", operation: .input, inputs: [])]
            + layers.enumerated().map { place, layer in
                Node(
                    layer: layer.0, operation: .convolution(convolution(layer.0, layer.1, layer.2)),
                    inputs: [place])
            }
        let network = Network(
            name: "n", architecture: "n", family: .torch, input: .init(height: 8, width: 8, channels: 1),
            nodes: nodes, output: 4)
        let parameters = ParameterTable(
            layers.map { name, inputs, outputs in
                let tensor = Tensor(
                    shape: [outputs, inputs, 1, 1],
                    values: (0..<inputs * outputs).map { Float($0 % 5) - 1.5 })
                return Parameter(name: name, shape: tensor.shape, elementType: .float32) { tensor }
            })
        return (network, try network.shapes(height: 8, width: 8), parameters)
    }

    private func images(_ count: Int) throws -> ActivationStore {
        let store = try ActivationStore(shape: [8, 8, 1], count: count)
        let values = (0..<64 * count).map { Float($0 / 64) + Float($0 % 64) / 64 }
        values.withUnsafeBufferPointer { store.store(0..<count, $0) }
        return store
    }

    @Test("Live values are those that a later node still reads, and the node's own")
    func live() throws {
        let (network, shapes, _) = try network()
        #expect(network.liveValues(shapes) == [64, 64 + 256, 256 + 256, 256 + 32, 32 + 32])
    }

    @Test("The memory holds the values of so many images from each layer on, and never fewer")
    func room() throws {
        var (network, shapes, _) = try network()
        // A norm in node 3: what stands before it is let go of at the next norm only.
        let norm = BatchNorm(
            gamma: nil, beta: nil, mean: "m", variance: "v", epsilon: 1e-3, channels: 2)
        network.nodes[3] = Node(layer: "norm", operation: .batchNorm(norm), inputs: [2])
        // Two networks of 512 values in half precision, 2,048 bytes an image, up to the norm; then 288 values, 1,152 bytes.
        let room = LayerRoom(network, shapes, images: 1000, memory: 2048 * 100)
        #expect(room.precision == .half)
        #expect((0..<5).map(room.images) == [100, 100, 100, 100, 2048 * 100 / 1152])
        #expect(LayerRoom(network, shapes, images: 1000, memory: 1).images(from: 0) == 32)
        #expect(LayerRoom(network, shapes, images: 20, memory: 1).images(from: 0) == 20)
        let all = LayerRoom(network, shapes, images: 1000, memory: 1 << 30)
        #expect(all.precision == .single && (0..<5).map(all.images).allSatisfy { $0 == 1000 })
        // Beyond a gigabyte values are halved even where the memory would hold them.
        let large = LayerRoom(network, shapes, images: 300_000, memory: 1 << 40)
        #expect(large.precision == .half && large.images(from: 0) == 300_000)
    }

    @Test("Some of the images are evenly chosen, with their mirror images, and few held-out ones stay")
    func some() throws {
        let all = try CalibrationImages(try images(16), addsMirrored: true)
        let some = try all.some(16)
        #expect(some.fit == Array(0..<12) && some.held == Array(12..<20) && some.originals == Array(0..<6))
        func firsts(_ places: [Int]) -> [Float] { places.map { some.store.values($0..<$0 + 1)[0] } }
        // Images 0 to 11 are fitted to; mirror images begin with the last pixel of the first row.
        let mirrored = Float(7) / 64
        #expect(firsts(some.fit) == [0, 2, 4, 6, 8, 10] + [0, 2, 4, 6, 8, 10].map { $0 + mirrored })
        // Up to 16 of those set aside stay.
        #expect(firsts(some.held) == [12, 13, 14, 15] + [12, 13, 14, 15].map { $0 + mirrored })
        #expect(try all.some(32).store === all.store)
    }

    @Test(
        "An eighth of the images is set aside; of few images 16, or a quarter",
        arguments: [(8, 2), (60, 15), (64, 16), (128, 16), (300, 37), (512, 64)])
    func heldOut(count: Int, expected: Int) throws {
        let drawn = try ActivationStore(shape: [1, 1, 1], count: count)
        let zeros = [Float](repeating: 0, count: count)
        zeros.withUnsafeBufferPointer { drawn.store(0..<count, $0) }
        let images = try CalibrationImages(drawn, addsMirrored: false)
        #expect(images.held.count == expected && images.fit.count == count - expected)
    }

    @Test("A cache that moves to other images has their values as if it had had them from the start")
    func moved() throws {
        let (network, shapes, parameters) = try network()
        func cache(_ images: ActivationStore) -> ActivationCache {
            ActivationCache(
                network, parameters: parameters, shapes: shapes, images: images, precision: .single,
                workers: 2)
        }
        let (few, many) = (try images(3), try images(7))
        let first = cache(few)
        try first.advance(to: [2])
        first.release()
        let moved = try first.moved(to: many)
        #expect(moved[0] == nil && moved[1] == nil && moved.count == 7)
        let whole = cache(many)
        try moved.advance(to: [3])
        try whole.advance(to: [3])
        for image in 0..<7 {
            #expect(moved[3]?.values(image..<image + 1) == whole[3]?.values(image..<image + 1))
        }
    }
}
