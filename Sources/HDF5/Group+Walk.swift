extension Group {
    /// All datasets below this group, depth first in file order, with their paths from here (`a/b/kernel:0`).
    /// `skipping` names children of this group that are not looked at. Every object must have one name: without that
    /// a small file can describe an endless tree.
    package func datasets(skipping: Set<String> = []) throws(HDF5Error) -> [(path: String, dataset: Dataset)]
    {
        var walk = Walk(limit: file.limits.objects)
        try walk.visit(self, prefix: "", skipping: skipping)
        return walk.found
    }

    private struct Walk {
        let limit: Int
        var found: [(path: String, dataset: Dataset)] = []
        var first: [UInt64: String] = [:]

        mutating func visit(_ group: Group, prefix: String, skipping: Set<String>) throws(HDF5Error) {
            try enter(group.address, group.location)
            for name in try group.names() where !skipping.contains(name) {
                switch try group.child(name) {
                case .group(let child): try visit(child, prefix: prefix + name + "/", skipping: [])
                case .dataset(let dataset):
                    try enter(dataset.address, dataset.location)
                    found.append((prefix + name, dataset))
                }
            }
        }

        private mutating func enter(_ address: UInt64, _ location: HDF5Location) throws(HDF5Error) {
            if let other = first.updateValue(location.object, forKey: address) {
                throw .twoNames(location, first: other)
            }
            if first.count > limit { throw .tooManyObjects(location, limit: limit) }
        }
    }
}
