import Foundation
import HDF5
import NormConvKit

/// A layer of a file that a test makes.
struct MadeLayer {
    var name: String
    /// In the order of their numbers: their words, extents and values.
    var parameters: [(role: String, shape: [Int], values: [Float])]

    static func input(_ name: String) -> MadeLayer { MadeLayer(name: name, parameters: []) }

    /// Weights that are not standardized.
    static func convolution(_ name: String, _ inputs: Int, _ outputs: Int, size: Int = 3) -> MadeLayer {
        let shape = [size, size, inputs, outputs]
        let weights = values(size * size * inputs * outputs) { Float($0 % 7) / 8 + 0.25 }
        let bias = values(outputs) { Float($0) / 4 }
        return MadeLayer(name: name, parameters: [("kernel", shape, weights), ("bias", [outputs], bias)])
    }

    /// Running means of both signs, or none below zero.
    static func norm(_ name: String, _ channels: Int, hasReLU: Bool = false) -> MadeLayer {
        let gamma = values(channels) { 1 + Float($0) / 16 }
        let beta = values(channels) { Float($0) / 8 - 0.5 }
        let mean = values(channels) { index in
            let size = Float(index + 1) / 8
            return index % 2 == 0 || hasReLU ? size : -size
        }
        let variance = values(channels) { 0.5 + Float($0 % 3) }
        let shape = [channels]
        return MadeLayer(
            name: name,
            parameters: [
                ("gamma", shape, gamma), ("beta", shape, beta), ("moving_mean", shape, mean),
                ("moving_variance", shape, variance),
            ])
    }

    private static func values(_ count: Int, _ value: (Int) -> Float) -> [Float] { (0..<count).map(value) }
}

/// The layouts of files that have no configuration.
enum MadeLayout: String, CaseIterable {
    case legacy, saved, torch

    /// The name of a file in a folder.
    func path(_ folder: String, _ name: String) -> String {
        "\(folder)/\(name)" + (self == .saved ? ".weights.h5" : ".h5")
    }

    /// Where a parameter's dataset stands.
    func place(_ layer: MadeLayer, _ role: String) -> String {
        switch self {
        case .legacy: return "\(layer.name)/\(layer.name)/\(role):0"
        case .saved:
            let number = layer.parameters.firstIndex { $0.role == role } ?? 0
            return "layers/\(layer.name)/vars/\(number)"
        case .torch:
            let words = [
                "kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
                "moving_variance": "running_var",
            ]
            return "\(layer.name).\(words[role] ?? role)"
        }
    }

    /// Writes layers in this order; PyTorch's kernels have the same weights with outputs and inputs first.
    func write(_ layers: [MadeLayer], to path: String) throws {
        let output = try HDF5Output(creating: path)
        if self == .legacy {
            try output.write(layers.map(\.name), toAttribute: "layer_names", of: "/", form: .fixedASCII)
            for layer in layers {
                try output.createGroup(layer.name)
                let names = layer.parameters.map { "\(layer.name)/\($0.role):0" }
                try output.write(names, toAttribute: "weight_names", of: layer.name, form: .fixedASCII)
            }
        }
        for layer in layers {
            for (role, shape, values) in layer.parameters {
                let isKernel = self == .torch && shape.count == 4
                let extents = isKernel ? [shape[3], shape[2], shape[0], shape[1]] : shape
                let bytes = values.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
                try output.write(bytes, of: .float32, shape: extents, to: place(layer, role))
            }
        }
        try output.close()
    }

    /// The values of a layer's parameter in a file.
    func values(_ layer: MadeLayer, _ role: String, in path: String) throws -> [Float] {
        var place = place(layer, role)
        if self == .saved, try !HDF5File(reading: path).root.contains("layers/\(layer.name)") {
            place = place.replacing("batch_normalization", with: "group_normalization")
        }
        return try HDF5File(reading: path).root.dataset(place).readFloats()
    }
}
