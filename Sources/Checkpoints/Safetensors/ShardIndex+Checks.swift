import Archives

/// What the shards must be like for the index.
extension ShardIndex {
    /// A shard, opened. Throws `ShardError.missingShard`.
    func file(_ name: String) throws -> RandomAccessFile {
        do throws(ArchiveError) {
            return try RandomAccessFile(path: ShardedSafetensorsFile.beside(path, name))
        } catch {
            guard case .unreadable(_, let reason) = error else { throw error }
            throw ShardError.missingShard(path: path, name: name, reason: reason)
        }
    }

    /// Throws `ShardError.unlisted` or `wrongShard` for a tensor that the index does not say to be in this shard.
    func check(_ tensors: [String], in shard: String) throws(ShardError) {
        for tensor in tensors where shards[tensor] != shard {
            guard let expected = shards[tensor] else {
                throw .unlisted(path: path, parameter: tensor, found: shard)
            }
            throw .wrongShard(path: path, parameter: tensor, found: shard, expected: expected)
        }
    }

    /// Throws `ShardError.missingTensor` for the first tensor that no shard has.
    func checkAll(_ tensors: [String]) throws(ShardError) {
        let found = Set(tensors)
        if let (name, shard) = shards.filter({ !found.contains($0.key) }).min(by: { $0.key < $1.key }) {
            throw .missingTensor(path: path, parameter: name, expected: shard)
        }
    }
}
