/// Paths of many files in one byte array, which takes about half the memory of strings.
package struct FilePaths: RandomAccessCollection, Sendable, Equatable {
    private var bytes: [UInt8] = []
    /// Where each path ends among the bytes.
    private var ends: [Int] = []

    /// No paths.
    package init() {}

    /// The paths of a sequence, in its order.
    package init(_ paths: some Sequence<String>) {
        for path in paths { append(path) }
    }

    /// Adds a path at the end.
    package mutating func append(_ path: String) {
        bytes.append(contentsOf: path.utf8)
        ends.append(bytes.count)
    }

    /// 0.
    package var startIndex: Int { 0 }
    /// The number of paths.
    package var endIndex: Int { ends.count }

    /// A path, in the listing's order.
    package subscript(index: Int) -> String {
        String(decoding: bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]], as: UTF8.self)
    }
}
