import Archives

/// PyTorch's format before 1.6, which is not a zip archive: pickles of a number that tells the format, its version, the
/// machine, the checkpoint and the keys of its storages; then the storages, each as its number of elements and these.
///
/// Source: `_legacy_save` in `torch/serialization.py`.
struct TorchLegacyFile {
    let state: StateDictionary
    /// The bytes of each storage in the file.
    let storages: [String: Range<Int>]

    /// A pickle of 0x1950a86a20f9469cfc6c, which all files of this format begin with.
    private static let magic: [UInt8] = [
        0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
    ]
    private static let version = 1001

    /// Nil where the file is something else. `key` chooses one of several networks.
    init?(_ file: RandomAccessFile, key: String?) throws {
        let path = file.path
        guard file.size >= Self.magic.count, try file.read(at: 0, count: Self.magic.count) == Self.magic
        else {
            return nil
        }
        var reader = PickleReader(file)
        _ = try reader.skip(Self.magic.count)
        try PickleMachine.load(&reader, path: path) {
            guard $0.value.int == Self.version else {
                throw PickleError.damaged(
                    path: path, object: "version of the format",
                    found: $0.value.int.map(String.init) ?? $0.value.kind,
                    expected: "\(Self.version)")
            }
        }
        try PickleMachine.load(&reader, path: path) {
            if $0.value.dictionary?["little_endian"]?.bool == false {
                throw PickleError.bigEndian(path: path)
            }
        }
        let (state, known) = try PickleMachine.load(&reader, path: path) {
            (try StateDictionary($0.value, key: key, path: path), $0.storages)
        }
        self.state = state
        let keys = try PickleMachine.load(&reader, path: path) { content in
            (content.value.elements?.values ?? []).compactMap { $0.string ?? $0.int.map(String.init) }
        }
        storages = try Self.places(keys, known, after: reader.position, in: file)
    }

    private static func places(
        _ keys: [String], _ known: [String: TorchStorage], after start: Int, in file: RandomAccessFile
    ) throws -> [String: Range<Int>] {
        var places: [String: Range<Int>] = [:]
        var position = start
        for key in keys {
            func damaged(_ found: String, _ expected: String) -> PickleError {
                .damaged(
                    path: file.path, object: "storage '\(key.prefix(100))'", found: found, expected: expected)
            }
            guard let storage = known[key], places[key] == nil else {
                throw damaged(known[key] == nil ? "no tensor of it" : "it twice", "one storage for each key")
            }
            let stored = try file.read(at: position, count: 8).reversed().reduce(UInt64(0)) {
                $0 << 8 | UInt64($1)
            }
            guard stored == UInt64(storage.count) else {
                throw damaged("\(stored) elements", "\(storage.count)")
            }
            guard let size = storage.byteCount, size <= file.size - position - 8 else {
                throw damaged(
                    "\(file.size - position - 8) bytes",
                    "\(storage.count) elements of \(storage.elements.size)")
            }
            places[key] = position + 8..<position + 8 + size
            position += 8 + size
        }
        return places
    }
}
