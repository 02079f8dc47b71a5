import OrderedJSON
import Tensors

/// How one parameter of a Keras network is called and laid out in PyTorch's conventions, and back.
///
/// Layers keep their names, with `.` for `/`: `stem_conv/kernel` is `stem_conv.weight`.
struct KerasNaming: Equatable {
    /// The name with PyTorch's last part: `stem_conv.weight`.
    let torch: String
    /// Keras' name: `stem_conv/kernel`.
    let keras: String
    /// What happens to the dimensions.
    let form: Form

    /// The order of a Keras parameter's dimensions.
    enum Form: String {
        /// A vector or a scalar, the same in both.
        case plain
        /// [rows, columns, inputs / groups, outputs], PyTorch's [outputs, inputs / groups, rows, columns].
        case hwio
        /// A depthwise kernel: [rows, columns, inputs, multiplier], PyTorch's [inputs · multiplier, 1, rows, columns].
        case hwim
        /// A dense kernel: [inputs, outputs], PyTorch's [outputs, inputs].
        case io
    }

    /// The conventions' names for a Keras parameter (`layer/…/role`, `:0` after it or not).
    init(_ name: String, rank: Int, isDepthwise: Bool) {
        let stem = name.hasSuffix(":0") ? String(name.dropLast(2)) : name
        keras = stem
        let parts = stem.split(separator: "/")
        let role = parts.last.map(String.init) ?? stem
        let layer = parts.dropLast().joined(separator: ".")
        let isKernel = role.hasSuffix("kernel")
        form = !isKernel ? .plain : rank == 4 ? (isDepthwise ? .hwim : .hwio) : rank == 2 ? .io : .plain
        torch = (layer.isEmpty ? "" : layer + ".") + (Self.roles[role] ?? role)
    }

    fileprivate init(torch: String, keras: String, form: Form) {
        (self.torch, self.keras, self.form) = (torch, keras, form)
    }

    private static let roles = [
        "kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
        "moving_variance": "running_var", "depthwise_kernel": "depthwise.weight",
        "pointwise_kernel": "pointwise.weight",
    ]

    /// A Keras parameter in PyTorch's name and layout.
    func torchParameter(_ parameter: Parameter) -> Parameter {
        switch form {
        case .plain: parameter.renamed(torch)
        case .hwio: parameter.permuted([3, 2, 0, 1]).renamed(torch)
        case .io: parameter.permuted([1, 0]).renamed(torch)
        case .hwim:
            parameter.permuted([2, 3, 0, 1])
                .reshaped([
                    parameter.shape[2] * parameter.shape[3], 1, parameter.shape[0], parameter.shape[1],
                ]).renamed(torch)
        }
    }

    /// The same parameter back in Keras' name and layout; nil if its shape cannot be one.
    func kerasParameter(_ parameter: Parameter, inputs: Int) -> Parameter? {
        let shape = parameter.shape
        switch form {
        case .plain: return parameter.renamed(keras)
        case .hwio where shape.rank == 4: return parameter.permuted([2, 3, 1, 0]).renamed(keras)
        case .io where shape.rank == 2: return parameter.permuted([1, 0]).renamed(keras)
        case .hwim where shape.rank == 4 && shape[1] == 1 && inputs > 0 && shape[0] % inputs == 0:
            return parameter.reshaped([inputs, shape[0] / inputs, shape[2], shape[3]])
                .permuted([2, 3, 0, 1]).renamed(keras)
        default: return nil
        }
    }
}

// MARK: - Stored names

/// A Keras network in a file of PyTorch's conventions: its configuration, and its parameters' names there.
struct KerasOrigin {
    let config: String
    /// PyTorch's name → how it is called in Keras; for depthwise kernels the number of inputs.
    let namings: [String: (naming: KerasNaming, inputs: Int)]

    /// Keys of the file's metadata.
    static let configKey = "keras_config"
    static let namesKey = "keras_names"

    /// Reads what `json` wrote; nil if it is none of ours.
    init?(config: String?, names: String?) {
        guard let config, let names, let members = try? JSON.parse(names).members else { return nil }
        var namings: [String: (naming: KerasNaming, inputs: Int)] = [:]
        for member in members {
            guard let keras = member.value[0]?.string, let form = member.value[1]?.string,
                let form = KerasNaming.Form(rawValue: form), let inputs = member.value[2]?.int
            else { return nil }
            namings[member.key] = (KerasNaming(torch: member.key, keras: keras, form: form), inputs)
        }
        self.config = config
        self.namings = namings
    }

    /// Keras' names of the depthwise kernels.
    var depthwiseKernels: Set<String> {
        Set(namings.values.filter { $0.naming.form == .hwim }.map(\.naming.keras))
    }

    /// Names of a table's parameters, for the file's metadata.
    static func json(_ namings: [(naming: KerasNaming, inputs: Int)]) -> String {
        JSON.object(
            namings.map { naming, inputs in
                JSON.Member(
                    naming.torch,
                    .array([.string(naming.keras), .string(naming.form.rawValue), .int(inputs)]))
            }
        ).text
    }

    /// The file's parameters under Keras' names and in its layouts.
    func kerasParameters(_ parameters: ParameterTable) -> ParameterTable? {
        let translated = parameters.compactMap { parameter in
            namings[parameter.name].flatMap { $0.naming.kerasParameter(parameter, inputs: $0.inputs) }
        }
        guard translated.count == parameters.count, Set(translated.map(\.name)).count == translated.count
        else { return nil }
        return ParameterTable(translated)
    }
}
