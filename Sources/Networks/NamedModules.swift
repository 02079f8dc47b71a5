/// A PyTorch file's modules: what is directly in each, by its name there.
struct NamedModules {
    /// One module.
    struct Module {
        /// The layers directly in it, by the last parts of their names.
        var layers: [String: Int] = [:]
        /// The names of all that is directly in it: layers, and modules with layers in them.
        var children: Set<String> = []
        /// The same for modules with the same names in them.
        fileprivate(set) var kind = 0
        /// The last number in an `nn.Sequential` or a list; nil for modules with names.
        fileprivate(set) var lastNumber: Int?
    }

    private var modules: [Substring: Module] = [:]

    /// Modules around a layer at most, from the inside.
    private static let deepest = 16

    /// The modules of layers by their paths.
    init(_ paths: [String]) {
        for (place, path) in paths.enumerated() {
            var (module, name) = Self.split(path[...])
            modules[module, default: Module()].layers[String(name)] = place
            for _ in 0..<Self.deepest {
                guard modules[module, default: Module()].children.insert(String(name)).inserted,
                    !module.isEmpty
                else { break }
                (module, name) = Self.split(module)
            }
        }
        var kinds: [Set<String>: Int] = [:]
        for (path, module) in modules {
            let kind = kinds[module.children] ?? kinds.count
            kinds[module.children] = kind
            let numbers = module.children.compactMap { Int($0) }
            modules[path]?.kind = kind
            modules[path]?.lastNumber = numbers.count == module.children.count ? numbers.max() : nil
        }
    }

    /// The module that a layer is in.
    func module(of path: String) -> Module { modules[Self.split(path[...]).module] ?? Module() }

    /// The module of this path.
    subscript(path: String) -> Module? { modules[path[...]] }

    /// Whether one of the modules around a layer has something of this name in it.
    func hasAround(_ path: String, _ name: String) -> Bool {
        var module = path[...]
        for _ in 0..<Self.deepest where !module.isEmpty {
            module = Self.split(module).module
            if modules[module]?.children.contains(name) == true { return true }
        }
        return false
    }

    /// A path's module and the last part of its name: `layer1.0` and `conv1`; the outermost module is empty.
    static func split(_ path: Substring) -> (module: Substring, name: Substring) {
        guard let dot = path.lastIndex(of: ".") else { return ("", path) }
        return (path[..<dot], path[path.index(after: dot)...])
    }
}
