import Tensors

/// The modules of a file by path, and which of them a network's nodes stand for.
struct RecordedModules {
    private let modules: [String: RecordedModule]
    /// Modules without others in them, by the path of the module that they are in, in order.
    private let leaves: [String: [String]]

    init(_ modules: [String: RecordedModule]) {
        self.modules = modules
        let paths = modules.filter(\.value.isLeaf).keys.sorted()
        leaves = Dictionary(grouping: paths, by: Self.parent)
    }

    subscript(_ path: String) -> RecordedModule? { modules[path] }

    /// All modules with their paths, in order.
    var all: [(path: String, module: RecordedModule)] {
        modules.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Paths of modules without others in them.
    var leafPaths: [String] { leaves.values.joined().sorted() }

    /// Modules directly in another one that hold no others.
    func leaves(in path: String) -> [String] { leaves[path] ?? [] }

    /// The module that a node without parameters stands for: that of its layer, the activation inside of the norm that it
    /// reads (timm's `bn1.act`), or what follows the layer in an `nn.Sequential`.
    func own(_ layer: String, reading norm: String?) -> String? {
        if modules[layer]?.isLeaf == true { return layer }
        if let norm, modules["\(norm).act"] != nil { return "\(norm).act" }
        let parent = Self.parent(layer)
        if let number = Int(layer.dropFirst(parent.isEmpty ? 0 : parent.utf8.count + 1)), number < 1 << 20 {
            let next = parent.isEmpty ? "\(number + 1)" : "\(parent).\(number + 1)"
            if modules[next]?.isLeaf == true { return next }
        }
        return nil
    }

    /// The path of the module around another one; empty for the outermost.
    static func parent(_ path: String) -> String {
        path.lastIndex(of: ".").map { String(path[..<$0]) } ?? ""
    }
}
