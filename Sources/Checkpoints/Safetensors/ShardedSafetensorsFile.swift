import Archives
import Foundation
import HDF5
import OrderedJSON
import Tensors

/// A network in several safetensors files (shards) beside an index that says which tensor is where. The note of a
/// conversion and the names of classes are among the index's metadata.
struct ShardedSafetensorsFile: Checkpoint {
    let path: String
    let layout = Layout.safetensorsShards
    let producer: String?
    let parameters: ParameterTable
    let modelConfig: String? = nil
    let note: String?
    let classNames: [String]?
    let leftOut: [String] = []
    private let index: ShardIndex
    /// Each shard's own metadata.
    private let metadata: [String: [(key: String, value: String)]]

    /// The index, then the shards in order.
    var files: [String] { [path] + index.names.map { Self.beside(path, $0) } }

    init(_ index: ShardIndex) throws {
        var tensors: [Parameter] = []
        var metadata: [String: [(key: String, value: String)]] = [:]
        for name in index.names {
            let (header, parameters) = try Self.open(name, of: index)
            metadata[name] = header.metadata
            tensors += parameters
        }
        try index.checkAll(tensors.map(\.name))
        path = index.path
        self.index = index
        self.metadata = metadata
        parameters = ParameterTable(tensors)
        let strings = Dictionary(
            index.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })
        note = strings[Self.noteKey]?.string
        classNames = strings[NameListAttribute.classNames]?.strings
        let formats = Set(metadata.values.compactMap { $0.first { $0.key == "format" }?.value })
        producer = formats == ["pt"] ? "PyTorch" : nil
    }

    private static let noteKey = "normconv"

    /// A shard's header and tensors, each of which the index says to be there.
    private static func open(
        _ name: String, of index: ShardIndex
    ) throws -> (header: SafetensorsHeader, parameters: [Parameter]) {
        let file = try index.file(name)
        let kind = FileKind(path: file.path)
        guard kind == .safetensors else {
            let hint = kind == .unknown ? "its header is missing; download it again" : kind.hint
            throw ShardError.otherFormat(path: index.path, name: name, hint: hint)
        }
        let header = try SafetensorsHeader(file)
        try index.check(header.tensors.map(\.name), in: name)
        return (header, header.tensors.map { Parameter($0, in: file) })
    }

    /// The path of a file in the index's folder.
    static func beside(_ index: String, _ name: String) -> String {
        index.lastIndex(of: "/").map { index[...$0] + name } ?? name
    }

    // MARK: Writing

    func outputs(at path: String, edits: ParameterEdits) -> [String] {
        [path] + Self.shardNames(path, count: groups(edits).count).map { Self.beside(path, $0) }
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        let edited = try parameters.applying(edits, path: self.path)
        let groups = groups(edits)
        let names = Self.shardNames(path, count: groups.count)
        let json = newIndex(edited, groups: groups, names: names, note: note)
        let targets = [path] + names.map { Self.beside(path, $0) }
        try AtomicFile.write(toAll: targets, overwrite: overwrite) { temporaries in
            for (place, group) in groups.enumerated() {
                let table = ParameterTable(group.names.compactMap { edited[$0] })
                try SafetensorsOutput(table, metadata: metadata[group.shard] ?? [])
                    .write(to: temporaries[place + 1], named: targets[place + 1])
            }
            let output = try FileOutput(path: temporaries[0], named: path)
            try output.write(json.utf8)
            try output.close()
        }
    }

    /// The parameters of each new shard, which has those of an old one: a new parameter joins its neighbour. Shards that
    /// have none left are dropped.
    private func groups(_ edits: ParameterEdits) -> [(shard: String, names: [String])] {
        var members: [String: [String]] = [:]
        for name in edits.applied(to: parameters.names) {
            var place = name
            if case .insert(_, _, let neighbour) = edits[name] { place = neighbour }
            if let shard = index.shards[place] { members[shard, default: []].append(name) }
        }
        return index.names.compactMap { shard in members[shard].map { (shard, $0) } }
    }

    /// `x.safetensors.index.json` has `x-00001-of-00003.safetensors`, as Hugging Face's libraries name them.
    static func shardNames(_ index: String, count: Int) -> [String] {
        var stem = index.split(separator: "/").last ?? index[...]
        if stem.lowercased().hasSuffix(ShardIndex.ending) { stem = stem.dropLast(ShardIndex.ending.count) }
        func digits(_ value: Int) -> String {
            String(repeating: "0", count: max(0, 5 - "\(value)".count)) + "\(value)"
        }
        return (0..<count).map { "\(stem)-\(digits($0 + 1))-of-\(digits(count)).safetensors" }
    }

    private func newIndex(
        _ table: ParameterTable, groups: [(shard: String, names: [String])], names: [String], note: String
    ) -> JSON {
        let bytes = table.reduce(0) { $0 + $1.shape.count * $1.elementType.size }
        let kept = index.metadata.filter { ![ShardIndex.sizeKey, Self.noteKey].contains($0.key) }
        let metadata =
            [JSON.Member(ShardIndex.sizeKey, .int(bytes))] + kept + [JSON.Member(Self.noteKey, .string(note))]
        let places = zip(groups, names).flatMap { group, name in group.names.map { ($0, name) } }
        let map = places.sorted { $0.0 < $1.0 }.map { JSON.Member($0.0, .string($0.1)) }
        return .object([
            JSON.Member(ShardIndex.metadataKey, .object(metadata)),
            JSON.Member(ShardIndex.mapKey, .object(map)),
        ])
    }
}
