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

    /// Keras resizes a map that is smaller than the part to keep; here its shape is refused.
    func centreCropping() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        return [.crop(.centre(try size()))]
    }

    func upsampling() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        let factors = try extent("size", default: uniform(2))
        return [.resize(Resize(target: .factors(factors), isBilinear: try isBilinear(default: "nearest")))]
    }

    func resizing() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        try require("antialias", oneOf: .bool(false))
        try require("pad_to_aspect_ratio", oneOf: .bool(false))
        let size = try size()
        let resize = Resize(
            target: .size(size), isBilinear: try isBilinear(default: "bilinear"),
            cropsToAspectRatio: try bool("crop_to_aspect_ratio", default: false))
        return [.resize(resize)]
    }

    private func size() throws(NetworkError) -> Extent {
        Extent(height: try positive("height"), width: try positive("width"))
    }

    private func isBilinear(default value: String) throws(NetworkError) -> Bool {
        switch (config["interpolation"] ?? .string(value)).string {
        case "nearest": return false
        case "bilinear": return true
        default: throw unsupported("interpolation", expected: "nearest or bilinear")
        }
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
}
