/// The networks' files: how each was converted, and what tells it from others.
struct NetworksView {
    let entries: [Entry]

    struct Entry {
        let network: NetworkName
        let file: String
        let conversion: String?
        let checksum: Checksum?
    }

    struct Checksum {
        let start: String
        let whole: String
    }

    /// Nil where nothing is known of any of them, as of partial results of earlier versions.
    init?(_ files: [(path: String, conversion: ConversionSummary?, sha256: String?)], _ names: [NetworkName])
    {
        guard files.contains(where: { $0.conversion != nil || $0.sha256 != nil }) else { return nil }
        entries = zip(files, names).map { file, name in
            // Where the file was read and has no note, it was not converted.
            let conversion = file.conversion?.text ?? (file.sha256 == nil ? nil : "not converted")
            return Entry(
                network: name, file: file.path, conversion: conversion,
                checksum: file.sha256.map { Checksum(start: String($0.prefix(12)), whole: $0) })
        }
    }
}
