/// The name of a new parameter, by an existing one of the same layer.
package enum ParameterNaming {
    /// The role of a parameter in its layer.
    package enum Role: String, Sendable, Equatable, CaseIterable {
        case kernel, bias, gamma, beta
    }

    /// The name of the parameter with this role in the layer of `sibling`.
    ///
    /// Keras: the last component of the path changes and `:0` stays: `bn/bn/beta:0` → `bn/bn/gamma:0`. PyTorch:
    /// the last dotted component changes, kernel and gamma are `weight`, bias and beta are `bias`:
    /// `layer1.0.bn1.running_mean` → `layer1.0.bn1.weight`. A nested group's separator (`layer1/0/bn1/weight`)
    /// is kept.
    package static func name(_ role: Role, beside sibling: String, family: Network.Family) -> String {
        switch family {
        case .keras, .kerasResNet, .kerasResNetV2:
            let suffix = sibling.hasSuffix(":0") ? ":0" : ""
            return prefix(of: sibling, through: ["/"]) + role.rawValue + suffix
        case .bit
        where sibling.hasSuffix("gamma") || sibling.hasSuffix("beta") || sibling.hasSuffix("kernel"):
            return prefix(of: sibling, through: ["/"]) + role.rawValue
        case .torch, .bit:
            let last = role == .kernel || role == .gamma ? "weight" : "bias"
            return prefix(of: sibling, through: [".", "/"]) + last
        }
    }

    /// What the names of a layer's parameters begin with: `layer1.0.bn1` of `layer1.0.bn1.running_mean`.
    package static func module(of parameter: String) -> String {
        String(prefix(of: parameter, through: [".", "/"]).dropLast())
    }

    /// The name up to and including its last separator; empty where there is none.
    private static func prefix(of name: String, through separators: Set<Character>) -> String {
        guard let last = name.lastIndex(where: separators.contains) else { return "" }
        return String(name[...last])
    }
}
