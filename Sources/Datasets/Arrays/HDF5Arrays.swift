import HDF5

/// An HDF5 file: datasets at the root, and in groups that are named after a part, such as `test/images`.
struct HDF5Arrays: NamedArrays {
    let path: String
    let names: [String]
    private let root: Group

    /// Objects that an error lists at most.
    private static let mostListed = 32

    init(path: String) throws(DatasetError) {
        self.path = path
        (root, names) = try hdf5Result { () throws(HDF5Error) in
            let root = try HDF5File(reading: path).root
            let names = try root.names()
            let inParts = names.filter { ArrayName.part($0) != nil }.flatMap { part in
                ((try? root.group(part).names()) ?? []).map { part + "/" + $0 }
            }
            // A group of a known name, as `data`, is no array.
            let isGroup = { (name: String) in ArrayName(name) != nil && (try? root.group(name)) != nil }
            return (root, (names + inParts).filter { !isGroup($0) })
        }
    }

    var classNames: [String]? {
        get throws(DatasetError) {
            try hdf5Result { () throws(HDF5Error) in
                try root.attributes.strings(ifPresent: "class_names")
            }
        }
    }

    func numbers(_ name: String, acceptsBooleans: Bool) throws(DatasetError) -> any StoredArray {
        try hdf5Result { () throws(HDF5Error) in
            HDF5Array(name: name, dataset: try root.dataset(name, acceptsBooleans: acceptsBooleans))
        }
    }

    func texts(_ name: String) throws(DatasetError) -> TextArray? {
        let dataset = try hdf5Result { () throws(HDF5Error) in try root.texts(name) }
        return dataset.map { dataset in
            TextArray(name: name, shape: dataset.shape) { () throws(DatasetError) in
                try hdf5Result { () throws(HDF5Error) in try dataset.strings() }
            }
        }
    }

    var summary: [String] {
        var lines: [String] = []
        var listed: Set<UInt64> = []
        list(root, "", &lines, &listed)
        return lines
    }

    /// Adds datasets at any depth, whether they can be read or not. A group with several names is listed by the first:
    /// a small file can have endlessly many paths.
    private func list(
        _ group: Group, _ prefix: String, _ lines: inout [String], _ listed: inout Set<UInt64>
    ) {
        guard listed.insert(group.address).inserted else { return }
        for name in (try? group.names()) ?? [] where lines.count < Self.mostListed {
            if let dataset = try? group.dataset(name, acceptsBooleans: true) {
                let type = dataset.isBoolean ? "bool" : dataset.elementType.rawValue
                lines.append("'\(prefix)\(name)' \(type) \(dataset.shape)")
            } else if let texts = (try? group.texts(name)) ?? nil {
                lines.append("'\(prefix)\(name)' strings \(texts.shape)")
            } else if let child = try? group.group(name) {
                list(child, prefix + name + "/", &lines, &listed)
            } else {
                lines.append("'\(prefix)\(name)'")
            }
        }
    }
}
