import Synchronization

/// An array that several threads fill at disjoint places.
package final class SharedResults: Sendable {
    private let state: Mutex<[Float]>

    /// `count` zeros.
    package init(count: Int) { state = Mutex([Float](repeating: 0, count: count)) }

    /// Copies a block of values to its place.
    package func store(_ block: some Collection<Float>, at start: Int) {
        state.withLock { values in
            var place = start
            for value in block {
                values[place] = value
                place += 1
            }
        }
    }

    /// What has been stored.
    package var values: [Float] { state.withLock(\.self) }
}
