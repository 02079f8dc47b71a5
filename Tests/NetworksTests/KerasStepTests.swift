import OrderedJSON
import Tensors
import Testing

@testable import Networks

@Suite("Keras layers of 1 and 3 dimensions")
struct KerasStepTests {
    private static func convolution(
        _ size: [Int], inputs: Int = 4, strides: [Int]? = nil, dilation: [Int]? = nil, groups: Int = 1,
        padding: Padding
    ) -> Convolution {
        Convolution(
            kernel: "x/x/kernel", kernelLayout: .hwio, bias: "x/x/bias", inputs: inputs, outputs: 6,
            size: Extent(size), strides: Extent(strides ?? [1]), dilation: Extent(dilation ?? [1]),
            groups: groups, padding: padding, dimensions: size.count)
    }

    @Test("Steps are a map of one row, whose network tells so")
    func steps() throws {
        let network = try recognize(
            "Conv1D",
            #""filters": 6, "kernel_size": [3], "strides": 2, "padding": "same", "groups": 2, "dilation_rate": [1]"#,
            extents: "null, 16, 4", parameters: [("x/x/kernel", [3, 2, 6]), ("x/x/bias", [6])])
        #expect(
            network.operations == [
                .convolution(Self.convolution([3], strides: [2], groups: 2, padding: .same))
            ])
        #expect((network.input.dimensions, network.input.height, network.input.width) == (1, 1, 16))
        #expect(network.input.ownExtents == [16, 4])
        #expect(try network.shapes(height: 1, width: 16) == [[1, 16, 4], [1, 8, 6]])
        #expect(network.isComputable)
    }

    @Test("Causal padding is before the first step: (size − 1)·dilation steps")
    func causal() throws {
        let network = try recognize(
            "Conv1D", #""filters": 6, "kernel_size": [3], "padding": "causal", "dilation_rate": [4]"#,
            extents: "null, null, 4", parameters: [("x/x/kernel", [3, 4, 6]), ("x/x/bias", [6])])
        let margins = Margins(top: 0, bottom: 0, left: 8, right: 0)
        #expect(
            network.operations == [
                .convolution(Self.convolution([3], dilation: [4], padding: .margins(margins)))
            ])
        #expect(try network.shapes(height: 1, width: 10).last == [1, 10, 6])
    }

    @Test("Volumes have a depth, in settings of one number or three")
    func volumes() throws {
        let network = try recognize(
            "Conv3D", #""filters": 6, "kernel_size": [2, 3, 4], "strides": 2, "padding": "valid""#,
            extents: "null, 8, 9, 10, 4", parameters: [("x/x/kernel", [2, 3, 4, 4, 6]), ("x/x/bias", [6])])
        #expect(
            network.operations == [
                .convolution(Self.convolution([2, 3, 4], strides: [2, 2, 2], padding: .valid))
            ])
        #expect(network.input.ownExtents == [8, 9, 10, 4])
        #expect(try network.shapes(forImage: [8, 9, 10, 4]).last == [4, 4, 4, 6])
        #expect(try network.shapes(of: Extent([8, 9, 10])).last == [4, 4, 4, 6])
    }

    @Test("Channels first are the same network on transposed steps and volumes")
    func channelsFirst() throws {
        let settings = #""filters": 6, "kernel_size": 3, "padding": "same", "data_format": "channels_first""#
        let steps = try recognize(
            "Conv1D", settings, extents: "null, 4, 16",
            parameters: [("x/x/kernel", [3, 4, 6]), ("x/x/bias", [6])])
        #expect(steps.input.ownExtents == [16, 4])
        #expect(steps.operations == [.convolution(Self.convolution([3], padding: .same))])
        let volumes = try recognize(
            "Conv3D", settings, extents: "null, 4, 8, 9, 10",
            parameters: [("x/x/kernel", [3, 3, 3, 4, 6]), ("x/x/bias", [6])])
        #expect(volumes.input.ownExtents == [8, 9, 10, 4])
        #expect(try volumes.shapes(forImage: [8, 9, 10, 4]).last == [8, 9, 10, 6])
    }

    @Test(
        "Pools, margins and other layers",
        arguments: [
            (
                "MaxPooling1D", #""pool_size": [3], "strides": [2], "padding": "same""#, "null, 9, 4",
                [1, 5, 4]
            ),
            ("AveragePooling1D", #""pool_size": 2"#, "null, 9, 4", [1, 4, 4]),
            ("ZeroPadding1D", #""padding": [1, 2]"#, "null, 9, 4", [1, 12, 4]),
            ("ZeroPadding1D", #""padding": 2"#, "null, 9, 4", [1, 13, 4]),
            ("Cropping1D", #""cropping": [1, 2]"#, "null, 9, 4", [1, 6, 4]),
            ("UpSampling1D", #""size": 3"#, "null, 9, 4", [1, 27, 4]),
            ("GlobalAveragePooling1D", "", "null, 9, 4", [4]),
            ("GlobalMaxPooling1D", #""keepdims": true"#, "null, 9, 4", [1, 1, 4]),
            ("Permute", #""dims": [2, 1]"#, "null, 9, 4", [1, 4, 9]),
            ("Flatten", "", "null, 9, 4", [36]),
            ("Reshape", #""target_shape": [3, 3, 4]"#, "null, 9, 4", [3, 3, 4]),
            ("MaxPooling3D", #""pool_size": [1, 2, 2], "strides": null"#, "null, 3, 8, 6, 4", [3, 4, 3, 4]),
            ("AveragePooling3D", #""pool_size": 2, "padding": "same""#, "null, 3, 8, 6, 4", [2, 4, 3, 4]),
            ("ZeroPadding3D", #""padding": [[1, 0], [2, 1], [0, 3]]"#, "null, 3, 8, 6, 4", [4, 11, 9, 4]),
            ("GlobalMaxPooling3D", "", "null, 3, 8, 6, 4", [4]),
            ("GlobalAveragePooling3D", #""keepdims": true"#, "null, 3, 8, 6, 4", [1, 1, 1, 4]),
            ("SpatialDropout3D", "", "null, 3, 8, 6, 4", [3, 8, 6, 4]),
        ])
    func layers(className: String, settings: String, extents: String, shape: [Int]) throws {
        let network = try recognize(className, settings, extents: extents)
        let size = try #require(network.input.extent)
        #expect(try network.shapes(of: size)[network.output].extents == shape)
    }

    @Test("A value of two dimensions that is no map yet becomes one before a layer of steps")
    func fromVectors() throws {
        let config = try functional(
            [
                inputLayer(), layer("Reshape", "rows", #""target_shape": [64, 4]"#, on: "in"),
                layer("MaxPooling1D", "pool", #""pool_size": 2"#, on: "rows"),
                layer("Conv1D", "x", #""filters": 6, "kernel_size": 3"#, on: "pool"),
            ], output: "x")
        let network = try recognizeKeras(
            config: config, parameters: table([("x/x/kernel", [3, 4, 6]), ("x/x/bias", [6])])
        ).network
        #expect(network.operations.dropFirst().first == .reshape([1, -1, 4]))
        #expect(try network.shapes(height: 8, width: 8).last == [1, 30, 6])
    }

    @Test(
        "Settings that steps do not have leave the layer as it is, and the error names it",
        arguments: [
            ("MaxPooling1D", #""pool_size": [2, 2]"#, "pool_size"),
            ("ZeroPadding1D", #""padding": [[1, 1], [1, 1]]"#, "padding"),
            ("UpSampling1D", #""size": [2, 2]"#, "size"),
            ("MaxPooling1D", #""padding": "causal""#, "padding"),
        ])
    func unsupported(className: String, settings: String, setting: String) throws {
        let network = try recognize(className, settings, extents: "null, 9, 4")
        guard case .unsupportedSetting("x", setting, _, _)? = network.nodes[1].obstacle else {
            Issue.record("\(network.nodes)")
            return
        }
    }

    @Test("A window whose size overflows is refused")
    func overflow() {
        #expect(throws: NetworkError.self) {
            try recognize(
                "AveragePooling3D", #""pool_size": 16777216, "padding": "same""#, extents: "null, 3, 8, 6, 4")
        }
    }

    @Test("A kernel of another shape is damage")
    func wrongKernel() {
        for (name, extents, shape) in [
            ("Conv1D", "null, 16, 4", [4, 3, 6]), ("Conv3D", "null, 8, 8, 8, 4", [3, 3, 4, 6]),
        ] {
            #expect(throws: NetworkError.self) {
                try recognize(
                    name, #""filters": 6, "kernel_size": 3"#, extents: extents,
                    parameters: [("x/x/kernel", shape), ("x/x/bias", [6])])
            }
        }
    }

    /// Keras has no `data_format` for these layers: they change the channels of a model with channels first.
    @Test(
        "Layers of steps without a data format are not computed on channels first",
        arguments: [
            ("UpSampling1D", #""size": 2"#), ("Cropping1D", #""cropping": 1"#),
            ("ZeroPadding1D", #""padding": 1"#),
        ])
    func channelsLastOnly(className: String, settings: String) throws {
        let pool = layer("MaxPooling1D", "p", #""pool_size": 1, "data_format": "channels_first""#, on: "in")
        let config = try functional(
            [inputLayer("null, 4, 9"), pool, layer(className, "x", settings, on: "p")], output: "x")
        let network = try recognizeKeras(config: config, parameters: table([])).network
        guard case .unsupportedSetting("x", "data_format", "missing", _)? = network.nodes.last?.obstacle
        else {
            Issue.record("\(network.nodes)")
            return
        }
    }

    @Test("A matrix is concatenated with steps as steps")
    func concatenatedMatrix() throws {
        let config = try functional(
            [
                inputLayer("null, 3, 4"), layer("MaxPooling1D", "p", #""pool_size": 1"#, on: "in"),
                layer("GlobalMaxPooling1D", "g", on: "p"),
                layer("Dense", "d", #""units": 6, "use_bias": false"#, on: "g"),
                layer("Reshape", "r", #""target_shape": [3, 2]"#, on: "d"),
                layer("Concatenate", "x", on: "p", "r"),
            ], output: "x")
        let network = try recognizeKeras(config: config, parameters: table([("d/d/kernel", [4, 6])])).network
        #expect(network.isComputable)
        #expect(try network.shapes(height: 1, width: 3)[network.output] == [1, 3, 6])
    }

    @Test("A matrix beside steps with channels first is not concatenated")
    func concatenatedChannelsFirst() throws {
        let first = #""data_format": "channels_first""#
        let config = try functional(
            [
                inputLayer("null, 4, 3"), layer("MaxPooling1D", "p", #""pool_size": 1, "# + first, on: "in"),
                layer("GlobalMaxPooling1D", "g", first, on: "p"),
                layer("Dense", "d", #""units": 6, "use_bias": false"#, on: "g"),
                layer("Reshape", "r", #""target_shape": [2, 3]"#, on: "d"),
                layer("Concatenate", "x", #""axis": 1"#, on: "p", "r"),
            ], output: "x")
        let network = try recognizeKeras(config: config, parameters: table([("d/d/kernel", [4, 6])])).network
        #expect(network.nodes.last?.obstacle != nil)
    }

    @Test("Averages of steps and volumes beside uneven margins are an assumption")
    func averages() throws {
        func count(_ className: String, _ settings: String, _ extents: String) throws -> Int {
            try recognition(of: className, #""padding": "same", "# + settings, extents: extents)
                .assumptions.count
        }
        #expect(try count("AveragePooling1D", #""pool_size": 4, "strides": 1"#, "null, 9, 4") == 1)
        #expect(try count("AveragePooling1D", #""pool_size": 2, "strides": 1"#, "null, 9, 4") == 0)
        #expect(try count("AveragePooling1D", #""pool_size": 3, "strides": 1"#, "null, 9, 4") == 0)
        #expect(try count("AveragePooling1D", #""pool_size": 3, "strides": 2"#, "null, 9, 4") == 1)
        #expect(try count("AveragePooling3D", #""pool_size": [3, 2, 1]"#, "null, 3, 8, 6, 4") == 1)
        #expect(try count("AveragePooling3D", #""pool_size": [1, 2, 1]"#, "null, 3, 8, 6, 4") == 0)
        #expect(try count("MaxPooling3D", #""pool_size": 2"#, "null, 3, 8, 6, 4") == 0)
        #expect(try count("AveragePooling2D", #""pool_size": 2"#, "null, 8, 6, 4") == 0)
    }

    @Test("A vector of channels first is not spread over steps as if channels were last")
    func spread() throws {
        let config = try functional(
            [
                inputLayer("null, 4, 4"),
                layer("MaxPooling1D", "pool", #""pool_size": 1, "data_format": "channels_first""#, on: "in"),
                layer("GlobalAveragePooling1D", "mean", #""data_format": "channels_first""#, on: "pool"),
                layer("Reshape", "scale", #""target_shape": [4, 1]"#, on: "mean"),
                """
                {"class_name": "Multiply", "config": {"name": "x"}, "name": "x", \
                "inbound_nodes": [[["pool", 0, 0, {}], ["scale", 0, 0, {}]]]}
                """,
            ], output: "x")
        let network = try recognizeKeras(config: config, parameters: table([])).network
        #expect(network.nodes.last?.obstacle != nil)
    }
}
