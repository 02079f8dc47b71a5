import Tensors

/// Compares a network that names and shapes tell with the modules that its file records, and takes over what they record:
/// strides, padding and dilation of convolutions, pools, and functions of each element.
///
/// A node has the module of its name; several nodes of a block that have none share the modules directly in the block that
/// no node is named after. What no module records stays as the network's family has it.
struct ModuleComparison {
    let modules: RecordedModules
    /// The network with what the modules record.
    private(set) var network: Network
    /// What the modules record and the network cannot express, a line each.
    private(set) var contradictions: [String] = []
    /// Modules of another class in the place of a convolution or a norm.
    private(set) var replaced: Set<String> = []
    /// Modules that hold others that no node stands for, or such functions: where these are called is unknown.
    private(set) var changed: Set<String> = []
    /// Modules that nodes stand for.
    private var claimed: Set<String> = []

    init(_ network: Network, _ recorded: [String: RecordedModule]) {
        modules = RecordedModules(recorded)
        self.network = network
        for index in network.nodes.indices { compareWeighted(index) }
        let unnamed = network.nodes.indices.filter { !compareOwn($0) }
        shareBlocks(unnamed)
        checkRest()
    }

    private mutating func report(_ path: String, _ problem: String) {
        // One module may be used several times.
        let line = "module '\(path)' \(problem)"
        if contradictions.last != line { contradictions.append(line) }
    }

    // MARK: Modules with parameters

    private mutating func compareWeighted(_ index: Int) {
        guard let parameter = network.nodes[index].operation.parameters.first else { return }
        let path = RecordedModules.parent(parameter)
        guard let module = modules[path] else { return }
        switch network.nodes[index].operation {
        case .convolution(var convolution) where convolution.kernelLayout != .flattened:
            let inner = "\(path).static_padding"
            claimed.insert(inner)
            if let problem = convolution.take(module, static: modules[inner]) {
                report(path, problem)
                if !module.isConvolution { replaced.insert(path) }
            } else {
                network.nodes[index].operation = .convolution(convolution)
            }
        case .convolution, .dense:
            if !module.isLinear { report(path, "is \(module.title), expected Linear") }
        case .groupNorm(var norm):
            if let settings = module.groupNorm, settings.groups > 0, norm.channels % settings.groups == 0 {
                (norm.groups, norm.epsilon) = (settings.groups, settings.epsilon)
                network.nodes[index].operation = .groupNorm(norm)
            } else {
                report(path, "is \(module.title), expected GroupNorm")
                replaced.insert(path)
            }
        case .batchNorm:
            if !module.isBatchNorm {
                report(path, "is \(module.title), expected BatchNorm2d")
                replaced.insert(path)
            } else if module.flag(RecordedModule.takesBatchStatistics) == true {
                report(path, "was traced in training mode, where it takes the statistics of the batch")
            } else if let epsilon = module.number("eps"), epsilon < 0 {
                report(path, "has an eps of \(epsilon), expected at least 0")
            }
        default: break
        }
    }

    // MARK: Modules without parameters

    /// Whether the node has a module of its own, or cannot have one.
    private mutating func compareOwn(_ index: Int) -> Bool {
        let node = network.nodes[index]
        switch node.operation {
        case .activation, .pool, .globalPool: break
        default: return true
        }
        var norm: String?
        if case .activation = node.operation { norm = node.inputs.first.map { network.nodes[$0].layer } }
        guard let path = modules.own(node.layer, reading: norm), let module = modules[path] else {
            return false
        }
        switch node.operation {
        case .activation(let expected):
            if module.isSplitSoftmax, expected == .sigmoid { break }
            guard let found = module.activation else {
                // A norm's layer may be followed by something else than the activation.
                guard path == node.layer || path.hasSuffix(".act") || module.isIdentity else { return false }
                report(path, "is \(module.title), expected \(expected.className)")
                break
            }
            network.nodes[index].operation = .activation(found)
        case .pool(let expected):
            // A shortcut without parameters may be a module of its own.
            guard module.isPool || module.isIdentity else {
                if path == node.layer, network.isShortcut(index) { break }
                report(path, "is \(module.title), expected a pool")
                break
            }
            compare(expected, index, with: module, path)
        default:
            if module.averagedSide != 1 {
                report(path, "is \(module.title), expected the mean of all positions")
            }
        }
        claimed.insert(path)
        return true
    }

    private mutating func compare(_ expected: Pool, _ index: Int, with module: RecordedModule, _ path: String)
    {
        if module.isIdentity {
            let one = Pool(kind: .maximum, size: Extent(1), strides: Extent(1), padding: .valid)
            network.nodes[index].operation = .pool(one)
        } else if let found = module.pool(behind: zeros(before: index)) {
            if !expected.isSame(as: found) { network.nodes[index].operation = .pool(found) }
        } else {
            report(path, "is \(module.title) with settings that normconv does not compute")
        }
    }

    /// The zeros that the graph adds before a pool that has the same layer.
    private func zeros(before index: Int) -> Margins? {
        guard let input = network.nodes[index].inputs.first,
            network.nodes[input].layer == network.nodes[index].layer,
            case .zeroPad(let margins) = network.nodes[input].operation
        else { return nil }
        // BiT's are a module of their own.
        return modules[network.nodes[index].layer]?.className == "AvgPool2d" ? margins : nil
    }

    /// Compares the nodes without a module of their own with the modules in their blocks.
    private mutating func shareBlocks(_ nodes: [Int]) {
        let blocks = Dictionary(grouping: nodes) { RecordedModules.parent(network.nodes[$0].layer) }
        for (block, nodes) in blocks.sorted(by: { $0.key < $1.key }) {
            shareActivations(nodes, in: block)
        }
        matchPool(nodes)
        matchPadding()
    }

    private mutating func shareActivations(_ nodes: [Int], in block: String) {
        var expected: [Int: Activation] = [:]
        for node in nodes {
            if case .activation(let activation) = network.nodes[node].operation {
                expected[node] = activation
            }
        }
        guard !expected.isEmpty else { return }
        let paths = modules.leaves(in: block).filter {
            !claimed.contains($0) && modules[$0]?.activation != nil
        }
        claimed.formUnion(paths)
        var found: [Activation?] = paths.map { modules[$0]?.activation }
        if found.isEmpty { found = modules[block]?.calledActivations ?? [] }
        guard let first = found.first else { return }
        let isOne = expected.values.dropFirst().allSatisfy { $0 == expected.values.first }
        if let first, isOne, found.allSatisfy({ $0 == first }) {
            for node in expected.keys { network.nodes[node].operation = .activation(first) }
        } else if isOne || !found.allSatisfy({ found in expected.values.contains { $0 == found } }) {
            changed.insert(block)
            let names = paths.compactMap { modules[$0]?.className } + (paths.isEmpty ? ["functions"] : [])
            report(
                block,
                "computes \(names.listed()), expected \(Set(expected.values.map(\.className)).sorted().listed())"
            )
        }
    }

    /// One pool without a module of its name, and one such module, belong together.
    private mutating func matchPool(_ nodes: [Int]) {
        let pools = nodes.filter {
            if case .pool = network.nodes[$0].operation { !network.isShortcut($0) } else { false }
        }
        let paths = modules.leafPaths.filter { !claimed.contains($0) && modules[$0]?.isPool == true }
        guard pools.count == 1, paths.count == 1, let module = modules[paths[0]],
            case .pool(let expected) = network.nodes[pools[0]].operation
        else { return }
        claimed.insert(paths[0])
        compare(expected, pools[0], with: module, paths[0])
    }

    /// Zeros around the map before a pool, and the one module that adds zeros.
    private mutating func matchPadding() {
        let nodes = network.nodes.indices.filter {
            if case .zeroPad = network.nodes[$0].operation { true } else { false }
        }
        let paths = modules.leafPaths.filter { modules[$0]?.zeroMargins != nil && !claimed.contains($0) }
        guard nodes.count == 1, paths.count == 1, let margins = modules[paths[0]]?.zeroMargins else { return }
        claimed.insert(paths[0])
        network.nodes[nodes[0]].operation = .zeroPad(margins)
    }

    /// Reports modules that no node stands for and that may change values.
    private mutating func checkRest() {
        for (path, module) in modules.all {
            if module.flag(RecordedModule.hasHooks) == true {
                report(path, "has forward hooks, which may change its output")
            }
            if module.flag("add_maxpool") == true { report(path, "has add_maxpool") }
        }
        let side = network.flattenedSide
        for path in modules.leafPaths where !claimed.contains(path) {
            guard let module = modules[path], !module.isWithoutEffect else { continue }
            if let averaged = module.averagedSide, averaged == 1 || averaged == side { continue }
            changed.insert(RecordedModules.parent(path))
            report(path, "is \(module.title), which is not part of a \(network.architecture)")
        }
    }
}

extension Pool {
    /// Whether two pools have the same outputs on maps of any extents. TensorFlow's margins, where windows do not overlap,
    /// are those of PyTorch's `ceil_mode`.
    fileprivate func isSame(as other: Pool) -> Bool {
        if self == other { return true }
        guard padding == .same, size == strides, kind == other.kind, size == other.size,
            strides == other.strides
        else { return false }
        return other.padding
            == .margins(Margins(top: 0, bottom: strides.height - 1, left: 0, right: strides.width - 1))
    }
}

extension Network {
    /// Whether a node takes every second pixel for a shortcut without parameters.
    fileprivate func isShortcut(_ index: Int) -> Bool {
        guard case .pool(let pool) = nodes[index].operation else { return false }
        return pool.size == Extent(1)
    }

    /// Rows and columns of the map that is flattened for a fully connected layer, if one is.
    fileprivate var flattenedSide: Int? {
        for node in nodes {
            guard case .convolution(let convolution) = node.operation, convolution.kernelLayout == .flattened
            else { continue }
            return convolution.size.height
        }
        return nil
    }
}
