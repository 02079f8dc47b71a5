import HDF5
import Tensors

/// PyTorch parameter names in HDF5: dotted names as datasets of one group, or a group for each component.
/// Parameter names are always dotted.
struct TorchFile: Checkpoint {
    let path: String
    let layout: Layout
    let producer: String? = nil
    let parameters: ParameterTable
    let modelConfig: String?
    let note: String?
    let classNames: [String]?
    let leftOut: [String] = []
    private let file: HDF5File
    /// Names of depthwise kernels of a Keras network.
    private let depthwiseKernels: Set<String>
    /// The group that wraps all parameters, with a slash after it, or nothing.
    private let prefix: String

    /// Groups that people wrap a state dictionary in.
    private static let wrappers = ["state_dict", "model", "model_state_dict"]

    /// Nil where the file is something else.
    static func open(_ file: HDF5File) throws -> (any Checkpoint)? {
        let names = try file.root.names()
        let wrapper = names.count == 1 ? wrappers.first { $0 == names[0] } : nil
        let datasets = try file.root.datasets()
        guard datasets.contains(where: { $0.path.hasSuffix("weight") }) else { return nil }
        return try TorchFile(file, datasets, prefix: wrapper.map { $0 + "/" } ?? "")
    }

    private init(_ file: HDF5File, _ datasets: [(path: String, dataset: Dataset)], prefix: String) throws {
        self.file = file
        self.prefix = prefix
        path = file.path
        let attributes = file.root.attributes
        note = try attributes.string(ifPresent: "normconv")
        classNames = try NameListAttribute.readClassNames(file.root)
        layout =
            datasets.contains { $0.path.dropFirst(prefix.count).contains("/") } ? .torchNested : .torchFlat
        var names: Set<String> = []
        let table = ParameterTable(
            try datasets.map { place, dataset in
                let name = Self.name(place, prefix)
                guard names.insert(name).inserted else {
                    throw CheckpointError.duplicateParameter(path: file.path, name: name)
                }
                return Parameter(dataset, name: name)
            })
        let origin = KerasOrigin(
            config: try attributes.string(ifPresent: KerasOrigin.configKey),
            names: try attributes.string(ifPresent: KerasOrigin.namesKey))
        let translated = origin?.kerasParameters(table)
        parameters = translated ?? table
        depthwiseKernels = origin?.depthwiseKernels ?? []
        modelConfig = translated == nil ? nil : origin?.config
    }

    private static func name(_ place: String, _ prefix: String) -> String {
        place.dropFirst(prefix.count).split(separator: "/").joined(separator: ".")
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        if self.modelConfig != nil {
            return try NewCheckpoint(
                parameters: try parameters.applying(edits, path: self.path), isKeras: true,
                modelConfig: modelConfig ?? self.modelConfig, depthwiseKernels: depthwiseKernels,
                classNames: classNames, note: note
            ).write(to: path, layout: .torch, overwrite: overwrite)
        }
        try edits.check(against: parameters, path: self.path)
        try AtomicFile.write(to: path, overwrite: overwrite) { temporary in
            let output = try HDF5Output(creating: temporary, named: path, like: file)
            try output.copyAttributes(of: file.root, to: "/", except: ["normconv"])
            try output.write([note], toAttribute: "normconv", of: "/", form: .variableUTF8)
            let tree = EditedTree(
                path: self.path, output: output, edits: edits,
                parameterName: { [prefix] in Self.name($0, prefix) }, newPath: newPath)
            try tree.copyChildren(of: file.root, to: "")
            try output.close()
        }
    }

    /// Beside the neighbour: in its group, or under a dotted name like its own.
    private func newPath(of name: String, neighbour: String) -> String {
        let folder = neighbour.lastIndex(of: "/").map { neighbour[...$0] } ?? ""
        let inFolder = Self.name(String(folder), prefix)
        let rest = inFolder.isEmpty ? name : String(name.dropFirst(inFolder.count + 1))
        return folder + rest
    }
}
