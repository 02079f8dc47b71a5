import Archives
import Tensors

/// The contents of a `.pth` file: a plain state dictionary as `torch.save` writes it since 1.6. The same parameters give
/// the same bytes.
///
/// Sources: `torch/serialization.py` (`_save`), `caffe2/serialize/inline_container.cc` (records, alignment, version).
struct TorchZipOutput {
    private let tensors: [(parameter: Parameter, storageClass: String)]
    private let metadata: [(key: String, value: String)]

    /// The folder of all members.
    private static let folder = "archive/"
    /// Where data begin, so that `torch.load(mmap=True)` finds them aligned.
    private static let alignment = 64

    /// `metadata` is what safetensors has under `__metadata__`. Each string becomes a member, which PyTorch passes over.
    ///
    /// Throws `CheckpointError.unsupportedLayout` for elements of a type that PyTorch has no storage for.
    init(
        _ parameters: ParameterTable, metadata: [(key: String, value: String)], path: String
    ) throws(CheckpointError) {
        var tensors: [(parameter: Parameter, storageClass: String)] = []
        for parameter in parameters {
            guard let storageClass = parameter.elementType.torchStorageClass else {
                throw .unsupportedLayout(
                    path: path,
                    found: "parameter '\(parameter.name)' has the type \(parameter.elementType.rawValue), "
                        + "which PyTorch's files have no storage for",
                    remedy: "name the output x.safetensors")
            }
            tensors.append((parameter, storageClass))
        }
        self.tensors = tensors
        self.metadata = metadata
    }

    /// For each tensor the place of the one that has its storage: its own, or the first of those that it is tied with, where
    /// both have the same values. Two uses of one tensor may have been converted differently.
    private func storageKeys(named name: String) throws -> [Int] {
        var first: [Int: (place: Int, digest: String)] = [:]
        var keys = Array(tensors.indices)
        for (place, tensor) in tensors.enumerated() {
            guard let tie = tensor.parameter.tie else { continue }
            var hash = SHA256()
            hash.add(try tensor.parameter.encoded(path: name))
            let digest = hash.text
            if let known = first[tie] {
                if known.digest == digest, tensors[known.place].storageClass == tensor.storageClass {
                    keys[place] = known.place
                }
            } else {
                first[tie] = (place, digest)
            }
        }
        return keys
    }

    /// Writes the file, one tensor in memory at a time. Errors name it `name`.
    func write(to path: String, named name: String) throws {
        var output = try ZipOutput(path: path, named: name, alignment: Self.alignment)
        var contents = SHA256()
        func add(_ member: String, _ bytes: [UInt8]) throws {
            let crc = try output.add(Self.folder + member, bytes)
            contents.add(Array("\(member) \(crc)\n".utf8))
        }
        let keys = try storageKeys(named: name)
        try add("data.pkl", PickleOutput(tensors, keys: keys).bytes)
        try add(".format_version", Array("1".utf8))
        try add(".storage_alignment", Array("\(Self.alignment)".utf8))
        try add("byteorder", Array("little".utf8))
        for (place, tensor) in tensors.enumerated() where keys[place] == place {
            try add("data/\(place)", try tensor.parameter.encoded(path: name))
        }
        for (key, value) in metadata { try add(TorchZipMetadata.member(key), Array(value.utf8)) }
        try add("version", Array("3\n".utf8))
        // An identifier of 40 digits that depends on names and contents, as PyTorch's own.
        try add(".data/serialization_id", Array(contents.decimalDigits(40).utf8))
        try output.close()
    }
}

/// Strings that a `.pth` file has beside the tensors: how it was converted, the names of classes, and the configuration of
/// a Keras network. All are JSON.
struct TorchZipMetadata {
    private let archive: ZipArchive
    private let folder: String

    /// The metadata of an archive whose members are in `folder`, which ends in a slash.
    init(_ archive: ZipArchive, folder: String) {
        self.archive = archive
        self.folder = folder
    }

    /// The member's name below the archive's folder.
    static func member(_ key: String) -> String { "\(key).json" }

    /// A string; nil where the file has none of that name.
    ///
    /// Throws `CheckpointError.malformedMember` for more bytes than safetensors allows.
    subscript(_ key: String) -> String? {
        get throws {
            guard let member = archive[folder + Self.member(key)] else { return nil }
            let limit = SafetensorsHeader.lengthLimit
            guard member.size <= limit else {
                throw CheckpointError.malformedMember(
                    path: archive.path, member: member.name,
                    reason: "\(member.size) bytes, expected at most \(limit)")
            }
            return String(decoding: try archive.read(member), as: UTF8.self)
        }
    }
}

extension ElementType {
    /// The class of storages with such elements in the module `torch`; nil where there is none.
    fileprivate var torchStorageClass: String? {
        switch self {
        case .float64: "DoubleStorage"
        case .float32: "FloatStorage"
        case .float16: "HalfStorage"
        case .bfloat16: "BFloat16Storage"
        case .int64: "LongStorage"
        case .int32: "IntStorage"
        case .int16: "ShortStorage"
        case .int8: "CharStorage"
        case .uint8: "ByteStorage"
        default: nil
        }
    }
}

extension SHA256 {
    /// The checksum's hexadecimal digits as decimal ones: `0` to `f` modulo 10.
    fileprivate func decimalDigits(_ count: Int) -> String {
        text.prefix(count).compactMap { $0.hexDigitValue }.map { "\($0 % 10)" }.joined()
    }
}
