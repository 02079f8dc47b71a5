import Tensors

/// Why a network cannot be converted.
package enum ConversionError: Error, Equatable {
    /// An option is outside its range.
    case invalidOption(name: String, found: String, expected: String)
    /// A parameter that the network names is not in the table.
    case missingParameter(name: String, layer: String)
    /// A parameter's shape is not what its layer asks for.
    case wrongShape(parameter: String, layer: String, found: Shape, expected: Shape)
    /// A parameter holds a NaN or an infinity; the first one, by its index in storage order.
    case notFinite(parameter: String, index: Int, value: Float)
    /// A running variance is negative.
    case negativeVariance(parameter: String, index: Int, value: Float)
    /// A running variance is zero, and so is the norm's ε: the norm divides by zero.
    case zeroVariance(parameter: String, index: Int)
    /// A new value is larger than Float32 holds.
    case overflow(parameter: String, index: Int, value: Double)
    /// The number of groups does not divide a norm's channels.
    case groupsDoNotDivide(layer: String, channels: Int, groups: Int)
    /// The channels of a group do not divide a norm's channels.
    case groupSizeDoesNotDivide(layer: String, channels: Int, size: Int)
    /// A group would hold a single value, which a norm maps to zero.
    case singleElementGroup(layer: String, groups: Int, input: Shape)
    /// A system of equations that has no single solution.
    case notDefinite(order: Int)
    /// The numbers that describe a layer do not fit together.
    case inconsistentLayer(layer: String, found: String, expected: String)
}

extension ConversionError: CustomStringConvertible {
    /// The message in one line: the object, what was expected and what was found.
    package var description: String {
        switch self {
        case .invalidOption(let name, let found, let expected):
            "option \(name): found \(found), expected \(expected)"
        case .missingParameter(let name, let layer):
            "layer '\(layer)': parameter '\(name)' is not in the file"
        case .wrongShape(let parameter, let layer, let found, let expected):
            "layer '\(layer)': parameter '\(parameter)' has shape \(found), expected \(expected)"
        case .notFinite(let parameter, let index, let value):
            "parameter '\(parameter)': value \(index) is \(value), expected a finite number"
        case .negativeVariance(let parameter, let index, let value):
            "parameter '\(parameter)': value \(index) is \(value), expected a variance of zero or more"
        case .zeroVariance(let parameter, let index):
            "parameter '\(parameter)': value \(index) and epsilon are both 0, expected a positive sum"
        case .overflow(let parameter, let index, let value):
            "parameter '\(parameter)': the new value \(index) is \(value), expected one that fits Float32"
        case .groupsDoNotDivide(let layer, let channels, let groups):
            "layer '\(layer)': \(channels) channels, expected a multiple of \(groups) groups; choose another --groups"
        case .groupSizeDoesNotDivide(let layer, let channels, let size):
            "layer '\(layer)': \(channels) channels, expected a multiple of \(size) channels per group; choose another --groups"
        case .singleElementGroup(let layer, let groups, let input):
            "layer '\(layer)': \(groups) groups of the input \(input) hold one value each, expected at least 2; choose fewer groups"
        case .notDefinite(let order):
            "the covariance of \(order) inputs is not positive definite; check the weights and images for NaN or infinity"
        case .inconsistentLayer(let layer, let found, let expected):
            "layer '\(layer)': \(found), expected \(expected)"
        }
    }
}
