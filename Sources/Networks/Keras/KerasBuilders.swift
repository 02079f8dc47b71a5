import OrderedJSON
import Tensors

/// Makes a layer's operations from its settings, one after another; none for a layer that does nothing at
/// inference.
typealias KerasBuilder = @Sendable (KerasSettings) -> () throws(NetworkError) -> [Operation]

extension KerasSettings {
    /// Layer classes and how they are built. Adding a layer means adding a line here.
    static let builders: [String: KerasBuilder] = [
        "Conv1D": convolution, "Convolution1D": convolution, "Conv2D": convolution,
        "Convolution2D": convolution, "Conv3D": convolution, "Convolution3D": convolution,
        StandardizedConvolutionLayer.className: standardizedConvolution,
        "DepthwiseConv1D": depthwiseConvolution, "DepthwiseConv2D": depthwiseConvolution,
        "SeparableConv1D": separableConvolution, "SeparableConvolution1D": separableConvolution,
        "SeparableConv2D": separableConvolution, "SeparableConvolution2D": separableConvolution,
        "Conv2DTranspose": transposedConvolution, "Convolution2DTranspose": transposedConvolution,
        "Dense": dense,
        "BatchNormalization": batchNormalization, "BatchNormalizationV1": batchNormalization,
        "BatchNormalizationV2": batchNormalization, "SyncBatchNormalization": batchNormalization,
        "GroupNormalization": groupNormalization,
        "LayerNormalization": layerNormalization,
        "Activation": activation,
        "ReLU": relu, "LeakyReLU": leakyReLU, "ThresholdedReLU": thresholdedReLU, "PReLU": prelu, "ELU": elu,
        "Softmax": softmax,
        "MaxPooling1D": maximumPooling, "MaxPooling2D": maximumPooling, "MaxPooling3D": maximumPooling,
        "AveragePooling1D": averagePooling, "AveragePooling2D": averagePooling,
        "AveragePooling3D": averagePooling,
        "GlobalMaxPooling1D": globalMaximumPooling, "GlobalMaxPooling2D": globalMaximumPooling,
        "GlobalMaxPooling3D": globalMaximumPooling,
        "GlobalAveragePooling1D": globalAveragePooling, "GlobalAveragePooling2D": globalAveragePooling,
        "GlobalAveragePooling3D": globalAveragePooling,
        "ZeroPadding1D": zeroPadding, "ZeroPadding2D": zeroPadding, "ZeroPadding3D": zeroPadding,
        "Cropping1D": cropping, "Cropping2D": cropping, "CenterCrop": centreCropping,
        "RandomCrop": randomCropping,
        "UpSampling1D": upsampling, "UpSampling2D": upsampling, "Resizing": resizing,
        "Permute": permutation,
        "Add": addition, "Multiply": multiplication, "Concatenate": concatenation,
        "Subtract": merging(.subtract), "Average": merging(.average),
        "Maximum": merging(.maximum), "Minimum": merging(.minimum),
        "UnitNormalization": unitNormalization,
        "Flatten": flattening, "Reshape": reshaping,
        "Rescaling": rescaling, "Normalization": inputNormalization,
        // Layers that only matter in training return their input.
        "Identity": identity, "Dropout": identity, "SpatialDropout1D": identity,
        "SpatialDropout2D": identity, "SpatialDropout3D": identity, "AlphaDropout": identity,
        "GaussianDropout": identity, "GaussianNoise": identity, "ActivityRegularization": identity,
        "AugMix": identity, "CutMix": identity, "MixUp": identity, "RandAugment": identity,
        "RandomBrightness": identity, "RandomColorDegeneration": identity, "RandomColorJitter": identity,
        "RandomContrast": identity, "RandomElasticTransform": identity, "RandomErasing": identity,
        "RandomFlip": identity, "RandomGaussianBlur": identity, "RandomGrayscale": identity,
        "RandomHeight": identity, "RandomHue": identity, "RandomInvert": identity,
        "RandomPerspective": identity, "RandomPosterization": identity, "RandomRotation": identity,
        "RandomSaturation": identity, "RandomSharpness": identity, "RandomShear": identity,
        "RandomTranslation": identity, "RandomWidth": identity, "RandomZoom": identity,
    ]

    func identity() throws(NetworkError) -> [Operation] { [] }
}

// MARK: - Pools, margins, merges and shapes

extension KerasSettings {
    func maximumPooling() throws(NetworkError) -> [Operation] { try pooling(.maximum) }

    func averagePooling() throws(NetworkError) -> [Operation] { try pooling(.average) }

    func globalMaximumPooling() throws(NetworkError) -> [Operation] { try globalPooling(.maximum) }

    func globalAveragePooling() throws(NetworkError) -> [Operation] { try globalPooling(.average) }

    private func pooling(_ kind: Pool.Kind) throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        let size = try extent("pool_size", default: uniform(2))
        let strides = try extent("strides", default: size)
        return [.pool(Pool(kind: kind, size: size, strides: strides, padding: try padding()))]
    }

    private func globalPooling(_ kind: Pool.Kind) throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        return [.globalPool(kind, keepsDimensions: try bool("keepdims", default: false))]
    }

    func zeroPadding() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        return [.zeroPad(try margins("padding"))]
    }

    func addition() throws(NetworkError) -> [Operation] {
        try requireOneRank()
        return [.add]
    }

    func multiplication() throws(NetworkError) -> [Operation] {
        try requireOneRank()
        return [.multiply]
    }

    func concatenation() throws(NetworkError) -> [Operation] {
        try requireChannelAxis()
        try requireOneForm()
        return [.concatenate]
    }

    func flattening() throws(NetworkError) -> [Operation] {
        try requireFlattening()
        return [.flatten]
    }

    func reshaping() throws(NetworkError) -> [Operation] {
        let target = config["target_shape"]?.kerasList?.map { $0.int ?? 0 } ?? []
        guard !target.isEmpty, target.count(where: { $0 == -1 }) <= 1,
            target.allSatisfy({ $0 == -1 || (1...Self.largestSetting).contains($0) })
        else { throw unsupported("target_shape", expected: "positive integers, -1 at most once") }
        return [.reshape(try channelsLast(target))]
    }

    func rescaling() throws(NetworkError) -> [Operation] {
        let (scale, offset) = (try floats("scale", default: 1), try floats("offset", default: 0))
        if scale.count > 1 || offset.count > 1 { try requireChannelsLastMap() }
        return [.scaleShift(scale: scale, offset: offset)]
    }

    /// (x − mean) / max(√variance, 1e-7), the statistics from the settings or from parameters.
    func inputNormalization() throws(NetworkError) -> [Operation] {
        try requireChannelAxis()
        try require("invert", oneOf: .bool(false))
        if let mean = config["mean"], !mean.isNull {
            let (means, variances) = (try floats("mean", default: nil), try floats("variance", default: nil))
            guard means.count == variances.count else {
                throw unsupported("variance", expected: "as many numbers as mean has, \(means.count)")
            }
            guard variances.allSatisfy({ $0 >= 0 }) else {
                throw unsupported("variance", expected: "numbers that are not negative")
            }
            let scale = variances.map { 1 / max($0.squareRoot(), 1e-7) }
            return [.scaleShift(scale: scale, offset: zip(means, scale).map { -$0 * $1 })]
        }
        let channels = try channels(orFrom: "mean")
        return [
            .standardizeInput(
                mean: try parameter("mean", [channels]), variance: try parameter("variance", [channels]))
        ]
    }
}
