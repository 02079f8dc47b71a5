import OrderedJSON
import Tensors

// MARK: - Merges, parts of maps and other sizes

extension KerasSettings {
    /// The builder of a merging layer.
    static func merging(_ merge: Merge) -> KerasBuilder {
        { settings in
            { () throws(NetworkError) in
                try settings.requireOneRank()
                return [.merge(merge)]
            }
        }
    }

    /// A pair for each dimension of the layer, `[[top, bottom], [left, right]]`, or one number for each pair. A layer of
    /// steps has the pair alone.
    func margins(_ key: String) throws(NetworkError) -> Margins {
        let error = unsupported(
            key,
            expected: [
                "", "[before, behind]", "[[top, bottom], [left, right]]",
                "[[front, back], [top, bottom], [left, right]]",
            ][dimensions])
        guard let json = config[key] else { throw error }
        let sides = dimensions == 1 ? [json] : json.kerasList ?? []
        let margins = sides.map { ($0.kerasList ?? [$0, $0]).compactMap(\.int) }
        guard margins.count == dimensions,
            margins.allSatisfy({ $0.count == 2 && $0.allSatisfy((0...Self.largestSetting).contains) })
        else { throw error }
        return Margins(margins.map { ($0[0], $0[1]) })
    }

    func cropping() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        return [.crop(.margins(try margins("cropping")))]
    }

    func centreCropping() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        return [.crop(.centre(try size()))]
    }

    /// Outside training the largest part in the middle with the crop's aspect ratio becomes the crop, as the layer's
    /// documentation says and Keras 2.6 to 3.7 compute it. Keras 3.8 and later return the map as it is (keras-team/keras#21868).
    func randomCropping() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        return [
            .resize(Resize(target: .size(try size()), interpolation: .bilinear, aspectRatio: .cropped))
        ]
    }

    func upsampling() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        let factors = try extent("size", default: uniform(2))
        return [
            .resize(Resize(target: .factors(factors), interpolation: try interpolation(default: .nearest)))
        ]
    }

    func resizing() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        let resize = Resize(
            target: .size(try size()), interpolation: try interpolation(default: .bilinear),
            aspectRatio: try aspectRatio(), isAntialiased: try bool("antialias", default: false))
        return [.resize(resize)]
    }

    private func aspectRatio() throws(NetworkError) -> Resize.AspectRatio {
        let crops = try bool("crop_to_aspect_ratio", default: false)
        guard try bool("pad_to_aspect_ratio", default: false) else { return crops ? .cropped : .stretched }
        try require("crop_to_aspect_ratio", oneOf: .bool(false))
        try require("fill_mode", oneOf: .string("constant"))
        return .padded(Float(try number("fill_value", default: 0) ?? 0))
    }

    private func size() throws(NetworkError) -> Extent {
        Extent(height: try positive("height"), width: try positive("width"))
    }

    private func interpolation(default kernel: ResizeKernel) throws(NetworkError) -> ResizeKernel {
        let name = (config["interpolation"] ?? .string(kernel.rawValue)).string
        guard let found = name.flatMap(ResizeKernel.init(rawValue:)) else {
            throw unsupported(
                "interpolation", expected: "nearest, bilinear, bicubic, lanczos3 or lanczos5")
        }
        return found
    }

    func permutation() throws(NetworkError) -> [Operation] {
        try requireChannelsLastMap()
        let dimensions = config["dims"]?.kerasList?.map { $0.int ?? 0 } ?? []
        let rank = operand.rank ?? dimensions.count
        guard rank > 0, dimensions.sorted() == Array(1...rank) else {
            throw unsupported("dims", expected: "the numbers from 1 to \(rank) in some order")
        }
        return [.permute(operand.isSteps ? [0] + dimensions : dimensions.map { $0 - 1 })]
    }

    func unitNormalization() throws(NetworkError) -> [Operation] {
        try requireChannelAxis()
        // The least norm in Keras 3; Keras 2 keeps its square above that.
        return [.unitNorm(epsilon: isKeras3 ? 1e-12 : 1e-6)]
    }

    /// What Keras' versions and backends compute differently, and is computed here in one way.
    func assumptions(of operations: [Operation]) -> [String] {
        operations.compactMap { operation in
            switch operation {
            case .resize(let resize): assumption(of: resize)
            case .pool(let pool): assumption(of: pool)
            default: nil
            }
        }
    }

    private func assumption(of resize: Resize) -> String? {
        if className == "RandomCrop" {
            return
                "'\(path)' (RandomCrop) resizes the middle of the image, as Keras documents and computes up to "
                + "3.7; from 3.8 on Keras leaves the image unchanged when it does not train"
        }
        return resize.interpolation == .bicubic && !resize.isAntialiased
            ? "'\(path)' (\(className)) interpolates as Keras does with JAX and TensorFlow; with PyTorch its bicubic "
                + "interpolation is another one"
            : nil
    }

    /// With PyTorch, Keras repeats the edges of steps and volumes in uneven margins and averages them, too; windows of two
    /// have the same mean. Strides of 1 have uneven margins if the window is even, others for some sizes of the input.
    private func assumption(of pool: Pool) -> String? {
        let windows = zip(pool.size.all.suffix(dimensions), pool.strides.all.suffix(dimensions))
        guard pool.kind == .average, pool.padding == .same, dimensions != 2,
            pool.size.all.contains(where: { $0 > 2 }),
            windows.contains(where: { size, stride in stride == 1 ? size.isMultiple(of: 2) : size > 1 })
        else { return nil }
        return
            "'\(path)' (\(className)) averages as Keras does with JAX and TensorFlow; with PyTorch its averages beside "
            + "uneven margins are others"
    }
}
