import OrderedJSON
import Tensors

/// What a builder knows of a layer: its settings, its operands, its parameters.
struct KerasSettings {
    var path: KerasPath
    var className: String
    var config: JSON
    /// What is known of the operands.
    var operands: [Extents]
    var parameters: KerasParameters
    /// The order of the model's maps.
    var dataFormat = KerasDataFormat.channelsLast
    /// Whether Keras 3 wrote the configuration; versions before it define some functions otherwise.
    var isKeras3 = true

    /// What is known of a value before an image's size is: dimensions without the batch, and the innermost extent. Nothing is
    /// known of what a layer makes that is not computed.
    struct Extents: Equatable {
        var rank: Int?
        var innermost: Int?
        /// Whether its two dimensions are steps and channels, kept as a map of one row.
        var isSteps = false

        /// Whether it is a map, a volume or steps: values whose channels may come first.
        var isMap: Bool { rank == 3 || rank == 4 || isSteps }
    }

    var operand: Extents { operands.first ?? Extents(rank: 0, innermost: nil) }

    /// Settings beyond this are no network's; it keeps sums of a few of them from overflowing.
    static let largestSetting = 1 << 24

    // MARK: Settings

    func unsupported(_ setting: String, expected: String) -> NetworkError {
        .unsupportedSetting(
            layer: path.description, setting: setting, found: config[setting]?.text ?? "missing",
            expected: expected)
    }

    /// Refuses Keras 1's names of settings: what a missing `filters` or `data_format` means would be guessed.
    func requireKeras2() throws(NetworkError) {
        for key in ["dim_ordering", "nb_filter", "border_mode", "output_dim"] where config[key] != nil {
            throw unsupported(
                key,
                expected: "settings of Keras 2 or 3; load the model in Keras 2.2 and save it again: "
                    + "model.save('model.h5')")
        }
    }

    func positive(_ key: String) throws(NetworkError) -> Int {
        guard let value = config[key]?.int, (1...Self.largestSetting).contains(value) else {
            throw unsupported(key, expected: "a positive integer")
        }
        return value
    }

    func bool(_ key: String, default value: Bool) throws(NetworkError) -> Bool {
        guard let json = config[key] else { return value }
        guard let bool = json.bool else { throw unsupported(key, expected: "true or false") }
        return bool
    }

    /// A number that is finite as Float32; `value` where the key is missing or null.
    func number(_ key: String, default value: Double?) throws(NetworkError) -> Double? {
        guard let json = config[key], !json.isNull else { return value }
        guard let number = json.double, Float(number).isFinite else {
            throw unsupported(key, expected: "a number that float32 can hold")
        }
        return number
    }

    func epsilon() throws(NetworkError) -> Double {
        guard let epsilon = try number("epsilon", default: 1e-3), epsilon >= 0 else {
            throw unsupported("epsilon", expected: "a number that is not negative")
        }
        return epsilon
    }

    /// One positive integer for all dimensions of the layer, or a list of as many; `value` where the key is missing or
    /// null.
    func extent(_ key: String, default value: Extent? = nil) throws(NetworkError) -> Extent {
        let json = config[key] ?? .null
        if json.isNull, let value { return value }
        let all = json.kerasList ?? Array(repeating: json, count: dimensions)
        let extents = all.compactMap(\.int)
        guard all.count == dimensions, extents.count == dimensions,
            extents.allSatisfy((1...Self.largestSetting).contains)
        else {
            let count = ["", "", "one or two", "one or three"][dimensions]
            throw unsupported(
                key, expected: dimensions == 1 ? "a positive integer" : "\(count) positive integers")
        }
        return Extent(extents)
    }

    /// The same extent along every dimension of the layer.
    func uniform(_ extent: Int) -> Extent { Extent(Array(repeating: extent, count: dimensions)) }

    func padding() throws(NetworkError) -> Padding {
        switch config["padding"]?.string {
        case nil where config["padding"] == nil, "valid": return .valid
        case "same": return .same
        default: throw unsupported("padding", expected: "same or valid")
        }
    }

    /// Refuses a setting that is neither missing, null, nor one of these.
    func require(_ key: String, oneOf allowed: JSON...) throws(NetworkError) {
        guard let json = config[key], !json.isNull else { return }
        let same = allowed.contains { $0 == json || ($0.double != nil && $0.double == json.double) }
        let expected = allowed.isEmpty ? "null" : allowed.map(\.text).joined(separator: " or ")
        if !same { throw unsupported(key, expected: expected) }
    }

    /// One number, or a flat or nested list of them, as Float32.
    func floats(_ key: String, default value: Float?) throws(NetworkError) -> [Float] {
        let json = config[key] ?? .null
        if json.isNull, let value { return [value] }
        var values: [Float] = []
        var pending = [json]
        while let next = pending.popLast() {
            if let list = next.kerasList {
                pending += list.reversed()
            } else if let number = next.double, Float(number).isFinite {
                values.append(Float(number))
            } else {
                throw unsupported(key, expected: "numbers")
            }
        }
        guard !values.isEmpty else { throw unsupported(key, expected: "numbers") }
        return values
    }

    // MARK: Operands and parameters

    /// The channels of an operand of the layer's dimensions.
    func mapChannels() throws(NetworkError) -> Int? {
        if let rank = operand.rank, rank != dimensions + 1 {
            throw .shapeMismatch(
                layer: path.description, found: "a value of \(rank) dimensions",
                expected: ["", "steps×channels", "height×width×channels", "depth×height×width×channels"][
                    dimensions])
        }
        return operand.innermost
    }

    /// The innermost extent: what the operand says, else the length of a parameter.
    func channels(orFrom role: String?) throws(NetworkError) -> Int {
        if let channels = operand.innermost { return channels }
        if let role, let shape = parameters.shape(try parameters.name(role, of: path)), shape.rank > 0 {
            return shape[0]
        }
        throw .unsupportedSetting(
            layer: path.description, setting: "number of channels", found: "unknown",
            expected: "one that the graph or a parameter tells")
    }

    /// The parameter with this role, whose shape has to be this.
    func parameter(_ role: String, _ expected: [Int]) throws(NetworkError) -> String {
        let name = try parameters.name(role, of: path)
        guard let shape = parameters.shape(name), shape.extents == expected else {
            throw .wrongShape(
                parameter: name, found: parameters.shape(name)?.description ?? "unknown",
                expected: expected.map(String.init).joined(separator: "×"))
        }
        return name
    }

    /// `[null, 32, 32, 3]` as optional extents; nil for another form, or for extents out of range.
    static func extents(_ json: JSON) -> [Int?]? {
        guard let list = json.kerasList else { return nil }
        var extents: [Int?] = []
        for element in list {
            if element.isNull {
                extents.append(nil)
            } else if let value = element.int, (1...largestSetting).contains(value) {
                extents.append(value)
            } else {
                return nil
            }
        }
        return extents
    }
}

extension JSON {
    /// A list, or the `{"class_name": "__tuple__", "items": […]}` that some versions write for one.
    var kerasList: [JSON]? {
        array ?? (self["class_name"]?.string == "__tuple__" ? self["items"]?.array : nil)
    }
}
