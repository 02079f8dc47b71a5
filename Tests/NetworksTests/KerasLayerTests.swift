import OrderedJSON
import Tensors
import Testing

@testable import Networks

@Suite("Keras layers")
struct KerasLayerTests {
    static func depthwise(_ kernel: String, bias: String?, stride: Int, padding: Padding) -> Convolution {
        Convolution(
            kernel: kernel, kernelLayout: .hwim, bias: bias, inputs: 4, outputs: 8, size: Extent(3),
            strides: Extent(stride), dilation: Extent(1), groups: 4, padding: padding)
    }

    @Test("Conv2D: groups, dilation, strides and an activation of its own")
    func convolution() throws {
        let network = try recognize(
            "Conv2D",
            """
            "filters": 6, "kernel_size": [3, 1], "strides": [2, 1], "padding": "valid", "groups": 2, \
            "dilation_rate": [1, 2], "use_bias": false, "activation": "relu"
            """, parameters: [("x/x/kernel:0", [3, 1, 2, 6])])
        let expected = Convolution(
            kernel: "x/x/kernel:0", kernelLayout: .hwio, bias: nil, inputs: 4, outputs: 6,
            size: Extent(height: 3, width: 1), strides: Extent(height: 2, width: 1),
            dilation: Extent(height: 1, width: 2), groups: 2, padding: .valid)
        #expect(network.operations == [.convolution(expected), .activation(.relu)])
        #expect(network.nodes.map(\.layer) == ["in", "x", "x"])
        #expect(network.output == 2)
    }

    @Test(
        "depthwise kernels have their name of Keras 2 or Keras 3",
        arguments: ["depthwise_kernel:0", "kernel"])
    func depthwise(name: String) throws {
        let network = try recognize(
            "DepthwiseConv2D",
            #""kernel_size": 3, "depth_multiplier": 2, "padding": "same", "strides": [2, 2]"#,
            parameters: [("x/x/\(name)", [3, 3, 4, 2]), ("x/x/bias", [8])])
        #expect(
            network.operations == [
                .convolution(Self.depthwise("x/x/\(name)", bias: "x/x/bias", stride: 2, padding: .same))
            ])
    }

    @Test("a separable convolution is two, the bias on the second")
    func separable() throws {
        let network = try recognize(
            "SeparableConv2D", #""filters": 5, "kernel_size": [3, 3], "depth_multiplier": 2"#,
            parameters: [
                ("x/x/depthwise_kernel", [3, 3, 4, 2]), ("x/x/pointwise_kernel", [1, 1, 8, 5]),
                ("x/x/bias", [5]),
            ])
        let pointwise = Convolution(
            kernel: "x/x/pointwise_kernel", kernelLayout: .hwio, bias: "x/x/bias", inputs: 8, outputs: 5,
            size: Extent(1), strides: Extent(1), dilation: Extent(1), groups: 1, padding: .valid)
        #expect(
            network.operations == [
                .convolution(Self.depthwise("x/x/depthwise_kernel", bias: nil, stride: 1, padding: .valid)),
                .convolution(pointwise),
            ])
    }

    @Test("a transposed convolution has outputs before inputs in its kernel, and Keras' extents")
    func transposed() throws {
        let network = try recognize(
            "Conv2DTranspose",
            #""filters": 5, "kernel_size": [3, 2], "strides": [2, 3], "padding": "same", "output_padding": null"#,
            parameters: [("x/x/kernel", [3, 2, 5, 4]), ("x/x/bias", [5])])
        let expected = TransposedConvolution(
            kernel: "x/x/kernel", bias: "x/x/bias", inputs: 4, outputs: 5, size: Extent(height: 3, width: 2),
            strides: Extent(height: 2, width: 3), isSame: true)
        #expect(network.operations == [.transposedConvolution(expected)])
        #expect(network.nodes[1].operation.parameters == ["x/x/kernel", "x/x/bias"])
        #expect(try network.shapes(height: 8, width: 8)[1] == [16, 24, 5])
    }

    @Test("a window of a dilated transposed convolution covers (size − 1)·dilation + 1 elements")
    func dilatedTransposed() throws {
        let network = try recognize(
            "Conv2DTranspose",
            #""filters": 5, "kernel_size": [3, 2], "dilation_rate": [2, 3], "padding": "valid", "use_bias": false"#,
            parameters: [("x/x/kernel", [3, 2, 5, 4])])
        #expect(try network.shapes(height: 8, width: 8)[1] == [12, 11, 5])
    }

    @Test("what Keras' versions and backends compute differently is an assumption")
    func assumptions() throws {
        func count(_ className: String, _ settings: String) throws -> Int {
            try recognition(of: className, settings).assumptions.count
        }
        #expect(try count("RandomCrop", #""height": 4, "width": 4"#) == 1)
        #expect(try count("UpSampling2D", #""interpolation": "bicubic""#) == 1)
        #expect(
            try count("Resizing", #""height": 4, "width": 4, "interpolation": "bicubic", "antialias": true"#)
                == 0)
        #expect(try count("CenterCrop", #""height": 9, "width": 9"#) == 0)
    }

    /// JAX' `scale_and_translate` and TensorFlow's half-pixel centres: floor((index + ½) · from / to).
    @Test(
        "A centre between two elements takes the upper one in nearest interpolation",
        arguments: [(14, 23), (23, 14), (7, 5), (1, 128), (128, 127), (3, 3)])
    func nearest(from: Int, to: Int) {
        let resize = Resize(target: .size(Extent(height: to, width: 1)), interpolation: .nearest)
        let rows = resize.samples(height: from, width: 1).rows
        for (index, row) in rows.enumerated() {
            // 2·to·element ≤ (2·index + 1)·from < 2·to·(element + 1)
            let numerator = (2 * index + 1) * from
            #expect(row.weights == [1])
            #expect(2 * to * row.first <= numerator && numerator < 2 * to * (row.first + 1))
        }
        #expect(rows.count == to)
    }

    @Test("norms take their parameters as scale and center say, and their channels from the graph")
    func norms() throws {
        let batch = try recognize(
            "BatchNormalization", #""axis": [3], "epsilon": 1.001e-05, "scale": false"#,
            parameters: [("x/x/beta", [4]), ("x/x/moving_mean", [4]), ("x/x/moving_variance", [4])])
        #expect(
            batch.operations == [
                .batchNorm(
                    BatchNorm(
                        gamma: nil, beta: "x/x/beta", mean: "x/x/moving_mean",
                        variance: "x/x/moving_variance",
                        epsilon: 1.001e-5, channels: 4))
            ])
        let group = try recognize("GroupNormalization", #""groups": -1, "scale": false, "center": false"#)
        #expect(
            group.operations == [
                .groupNorm(GroupNorm(gamma: nil, beta: nil, groups: 4, epsilon: 1e-3, channels: 4))
            ])
        let layer = try recognize(
            "LayerNormalization", #""axis": -1, "epsilon": 1e-06"#,
            parameters: [("x/x/gamma", [4]), ("x/x/beta", [4])])
        #expect(
            layer.operations == [
                .layerNorm(LayerNorm(gamma: "x/x/gamma", beta: "x/x/beta", epsilon: 1e-6, channels: 4))
            ])
    }

    @Test(
        "layers without parameters",
        arguments: [
            ("ReLU", "", [.activation(.relu)]),
            (
                "ReLU", #""max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0"#,
                [.activation(.clippedReLU(limit: 6))]
            ),
            ("ReLU", #""max_value": null, "negative_slope": 0.5"#, [.activation(.leakyReLU(slope: 0.5))]),
            ("LeakyReLU", #""alpha": 0.25"#, [.activation(.leakyReLU(slope: 0.25))]),
            ("LeakyReLU", #""negative_slope": 0.125"#, [.activation(.leakyReLU(slope: 0.125))]),
            (
                "ReLU", #""max_value": 2, "negative_slope": 0.5, "threshold": 0.25"#,
                [.activation(.thresholdedReLU(slope: 0.5, threshold: 0.25, limit: 2))]
            ),
            (
                "ThresholdedReLU", #""theta": 0.5"#,
                [.activation(.thresholdedReLU(slope: 0, threshold: 0.5, limit: nil))]
            ),
            ("ELU", #""alpha": 0.5"#, [.activation(.elu(alpha: 0.5))]),
            ("Activation", #""activation": "gelu""#, [.activation(.gelu)]),
            (
                "Activation", #""activation": {"class_name": "LeakyReLU", "config": {"alpha": 0.125}}"#,
                [.activation(.leakyReLU(slope: 0.125))]
            ),
            ("Softmax", #""axis": -1"#, [.activation(.softmax)]),
            ("Activation", #""activation": "silu""#, [.activation(.swish)]),
            ("Activation", #""activation": "linear""#, []),
            ("Dropout", #""rate": 0.5"#, []), ("SpatialDropout2D", "", []), ("RandomFlip", "", []),
            (
                "MaxPooling2D", #""pool_size": [3, 3], "strides": [2, 2], "padding": "same""#,
                [.pool(Pool(kind: .maximum, size: Extent(3), strides: Extent(2), padding: .same))]
            ),
            (
                "AveragePooling2D", #""pool_size": 2, "strides": null, "padding": "valid""#,
                [.pool(Pool(kind: .average, size: Extent(2), strides: Extent(2), padding: .valid))]
            ),
            ("GlobalAveragePooling2D", "", [.globalPool(.average, keepsDimensions: false)]),
            ("GlobalMaxPooling2D", #""keepdims": true"#, [.globalPool(.maximum, keepsDimensions: true)]),
            (
                "ZeroPadding2D", #""padding": [[1, 2], [3, 4]]"#,
                [.zeroPad(Margins(top: 1, bottom: 2, left: 3, right: 4))]
            ),
            (
                "Cropping2D", #""cropping": [[1, 2], [3, 0]]"#,
                [.crop(.margins(Margins(top: 1, bottom: 2, left: 3, right: 0)))]
            ),
            (
                "CenterCrop", #""height": 4, "width": 6"#, [.crop(.centre(Extent(height: 4, width: 6)))]
            ),
            (
                "UpSampling2D", #""size": [2, 3]"#,
                [.resize(Resize(target: .factors(Extent(height: 2, width: 3)), interpolation: .nearest))]
            ),
            (
                "Resizing", #""height": 5, "width": 6, "crop_to_aspect_ratio": true"#,
                [
                    .resize(
                        Resize(
                            target: .size(Extent(height: 5, width: 6)), interpolation: .bilinear,
                            aspectRatio: .cropped))
                ]
            ),
            (
                "Resizing",
                #""height": 5, "width": 6, "interpolation": "lanczos3", "antialias": true, "pad_to_aspect_ratio": true, "fill_value": 2"#,
                [
                    .resize(
                        Resize(
                            target: .size(Extent(height: 5, width: 6)), interpolation: .lanczos3,
                            aspectRatio: .padded(2), isAntialiased: true))
                ]
            ),
            (
                "RandomCrop", #""height": 5, "width": 6, "seed": 1"#,
                [
                    .resize(
                        Resize(
                            target: .size(Extent(height: 5, width: 6)), interpolation: .bilinear,
                            aspectRatio: .cropped))
                ]
            ),
            ("Permute", #""dims": [2, 1, 3]"#, [.permute([1, 0, 2])]),
            ("UnitNormalization", #""axis": -1"#, [.unitNorm(epsilon: 1e-6)]),
            ("Flatten", #""data_format": "channels_last""#, [.flatten]),
            ("Reshape", #""target_shape": [-1, 4]"#, [.reshape([-1, 4])]),
            (
                "Rescaling", #""scale": [1, 2, 3, 4], "offset": -1"#,
                [.scaleShift(scale: [1, 2, 3, 4], offset: [-1])]
            ),
            ("Rescaling", #""scale": 0.5"#, [.scaleShift(scale: [0.5], offset: [0])]),
            (
                "Normalization", #""axis": [-1], "mean": [[[[1, 2, 3, 4]]]], "variance": [0.25, 1, 4, 16]"#,
                [.scaleShift(scale: [2, 1, 0.5, 0.25], offset: [-2, -2, -1.5, -1])]
            ),
        ] as [(String, String, [Networks.Operation])])
    func plain(className: String, settings: String, operations: [Networks.Operation]) throws {
        #expect(try recognize(className, settings).operations == operations)
    }

    @Test(
        "hard_sigmoid is the one of the Keras that wrote the file",
        arguments: [(#""batch_input_shape""#, 0.2), (#""batch_shape""#, 1.0 / 6)])
    func hardSigmoid(key: String, slope: Double) throws {
        let layers = [inputLayer(), layer("Activation", "x", #""activation": "hard_sigmoid""#, on: "in")]
        let text = try functional(layers, output: "x").text
            .replacing(#""batch_shape""#, with: key).replacing(#""batch_input_shape""#, with: key)
        let network = try recognizeKeras(config: .parse(text), parameters: table([])).network
        #expect(network.operations == [.activation(.hardSigmoid(slope: slope))])
        let version = slope == 0.2 ? "3.6.0" : "2.15.0"
        let versioned = #"{"keras_version": "\#(version)", "# + text.dropFirst()
        let other = try recognizeKeras(config: .parse(versioned), parameters: table([])).network
        #expect(other.operations == [.activation(.hardSigmoid(slope: slope == 0.2 ? 1 / 6 : 0.2))])
    }

    @Test("without input layers, Keras 3's configurations are those whose layers name their modules")
    func versionWithoutInputs() throws {
        func isKeras3(_ more: String) throws -> Bool {
            try JSON.parse(
                #"{"class_name": "Sequential", "config": {"layers": [{"class_name": "ReLU", "config": {}\#(more)}]}}"#
            ).isKeras3Model
        }
        #expect(try isKeras3(#", "module": "keras.layers""#))
        #expect(try !isKeras3(""))
    }

    @Test("PReLU takes its slopes' shape from the file")
    func prelu() throws {
        let network = try recognize(
            "PReLU", #""shared_axes": [1, 2]"#, parameters: [("x/x/alpha", [1, 1, 4])])
        #expect(network.operations == [.prelu(PReLU(slopes: "x/x/alpha", shape: [1, 1, 4]))])
        #expect(network.nodes[1].operation.parameters == ["x/x/alpha"])
    }

    @Test("Normalization reads statistics from parameters; their counter counts as used")
    func normalization() throws {
        let config = try functional(
            [inputLayer(), layer("Normalization", "x", #""axis": [-1], "mean": null"#, on: "in")], output: "x"
        )
        let recognition = try recognizeKeras(
            config: config,
            parameters: table([
                ("x/x/mean:0", [4]), ("x/x/variance:0", [4]), ("x/x/count:0", []), ("y/y/z", [1]),
            ]))
        #expect(
            recognition.network.operations == [
                .standardizeInput(mean: "x/x/mean:0", variance: "x/x/variance:0")
            ])
        #expect(recognition.unused == ["y/y/z"])
    }

    @Test(
        "merging layers take all their operands",
        arguments: ["Add", "Multiply", "Concatenate", "Average", "Maximum", "Minimum"])
    func merging(className: String) throws {
        let config = try functional(
            [inputLayer(), layer(className, "x", on: "in", "in", "in")], output: "x")
        let network = try recognizeKeras(config: config, parameters: table([])).network
        #expect(network.nodes[1].inputs == [0, 0, 0])
    }

    @Test("sizes may be open; channels and dense layers then come from the graph")
    func openSizes() throws {
        let network = try recognize(
            "Dense", #""units": 3"#, extents: "null, null, null, 4",
            parameters: [("x/x/kernel", [4, 3]), ("x/x/bias", [3])])
        #expect(network.input == Network.Input(height: nil, width: nil, channels: 4))
        #expect(try network.shapes(height: 5, width: 6)[1] == [5, 6, 3])
    }

    @Test("layer names with slashes, as Keras 2 allows, find their parameters")
    func slashes() throws {
        let config = try functional(
            [inputLayer(), layer("Dense", "a/b", #""units": 3, "use_bias": false"#, on: "in")], output: "a/b")
        let network = try recognizeKeras(
            config: config, parameters: table([("a/b/a/b/kernel:0", [4, 3]), ("a/kernel:0", [1])])
        ).network
        #expect(network.nodes[1].operation.parameters == ["a/b/a/b/kernel:0"])
    }
}
