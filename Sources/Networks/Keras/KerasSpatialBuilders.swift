import OrderedJSON
import Tensors

extension KerasSettings {
    /// Convolutions of 1 and 3 dimensions, which are converted and not computed.
    static let spatialBuilders: [String: KerasBuilder] = [
        "Conv1D": spatialConvolution(1), "Convolution1D": spatialConvolution(1),
        "Conv3D": spatialConvolution(3), "Convolution3D": spatialConvolution(3),
    ]

    private static func spatialConvolution(_ dimensions: Int) -> KerasBuilder {
        { settings in { () throws(NetworkError) in try settings.spatialConvolution(dimensions) } }
    }

    private func spatialConvolution(_ dimensions: Int) throws(NetworkError) -> [Operation] {
        try require("data_format", oneOf: .string(KerasDataFormat.channelsLast.rawValue))
        let filters = try positive("filters")
        let groups = config["groups"] == nil ? 1 : try positive("groups")
        let inputs: Int
        if let known = operand.innermost {
            inputs = known
        } else {
            inputs = try storedExtent("kernel", dimension: dimensions) * groups
        }
        guard inputs % groups == 0, filters % groups == 0 else {
            throw unsupported("groups", expected: "a divisor of \(inputs) inputs and \(filters) filters")
        }
        let spatial = try extents("kernel_size", count: dimensions)
        guard let size = Convolution.planarSize(spatial) else {
            throw unsupported("kernel_size", expected: "\(dimensions) extents whose product fits in memory")
        }
        let kernel = try parameter("kernel", spatial + [inputs / groups, filters])
        let convolution = Convolution(
            kernel: kernel, kernelLayout: .hwio, bias: try bias(filters), inputs: inputs, outputs: filters,
            size: size, strides: Extent(1), dilation: Extent(1), groups: groups, padding: .same,
            spatial: spatial)
        return [.convolution(convolution)] + (try ownActivation())
    }

    /// One positive integer for all dimensions, or a list of them.
    private func extents(_ key: String, count: Int) throws(NetworkError) -> [Int] {
        let json = config[key] ?? .null
        let all = (json.kerasList ?? Array(repeating: json, count: count)).compactMap(\.int)
        guard all.count == count, all.allSatisfy((1...Self.largestSetting).contains) else {
            throw unsupported(key, expected: "one or \(count) positive integers")
        }
        return all
    }
}
