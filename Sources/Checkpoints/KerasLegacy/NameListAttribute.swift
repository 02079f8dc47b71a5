import HDF5

/// Lists of names as Keras keeps them: one attribute, or `name0`, `name1`, … where an object header could not hold it whole.
enum NameListAttribute {
    /// Keras' HDF5_OBJECT_HEADER_LIMIT: bytes of one attribute.
    private static let limit = 64_512

    /// Whether the group has the list, whole or in parts.
    static func exists(_ name: String, in group: Group) throws -> Bool {
        try group.attributes.contains(name) || group.attributes.contains(name + "0")
    }

    /// The attributes that hold the list.
    static func attributeNames(_ name: String, of group: Group) throws -> [String] {
        let attributes = group.attributes
        if try attributes.contains(name) { return [name] }
        var parts: [String] = []
        while try attributes.contains("\(name)\(parts.count)") { parts.append("\(name)\(parts.count)") }
        // Neither: reading the plain name says what is missing.
        return parts.isEmpty ? [name] : parts
    }

    /// All names in order. Throws `HDF5Error.attributeMissing` where there is no list.
    static func read(_ name: String, of group: Group) throws -> [String] {
        try attributeNames(name, of: group).flatMap { try group.attributes.strings($0) }
    }

    /// The names of a classifier's outputs, which Keras itself has no place for.
    static let classNames = "class_names"

    /// The names of the classifier's outputs, where the root group has them.
    static func readClassNames(_ root: Group) throws -> [String]? {
        try exists(classNames, in: root) ? try read(classNames, of: root) : nil
    }

    /// Writes the names of the classifier's outputs, where there are some.
    static func write(classNames names: [String]?, to output: HDF5Output) throws {
        if let names { try write(names, classNames, of: "/", to: output, form: .variableUTF8) }
    }

    /// Writes a list in the string form of the one that `model` has, in parts where it is long.
    static func write(
        _ names: [String], _ name: String, of path: String, like model: Group, to output: HDF5Output
    ) throws {
        let old = try attributeNames(name, of: model)[0]
        try write(
            names, name, of: path, to: output, form: try model.attributes.stringForm(old) ?? .fixedASCII)
    }

    /// Writes a list, in parts where it is long.
    static func write(
        _ names: [String], _ name: String, of path: String, to output: HDF5Output,
        form: Attributes.StringForm = .fixedASCII
    ) throws {
        var form = form
        form.isScalar = false
        let width = form.isVariable ? 16 : names.map(\.utf8.count).max() ?? 0
        let perPart = max(limit / max(width, 1), 1)
        if names.count <= perPart {
            return try output.write(names, toAttribute: name, of: path, form: form)
        }
        // As numpy.array_split does: parts whose lengths differ by one at most, the longer ones first.
        let parts = (names.count + perPart - 1) / perPart
        var start = 0
        for part in 0..<parts {
            let length = names.count / parts + (part < names.count % parts ? 1 : 0)
            try output.write(
                Array(names[start..<start + length]), toAttribute: "\(name)\(part)", of: path, form: form)
            start += length
        }
    }
}
