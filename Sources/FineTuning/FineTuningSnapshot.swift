/// All that a training changes.
package struct FineTuningSnapshot: Sendable, Equatable {
    /// Steps done.
    package var steps: Int
    /// Trained values, in the layout's order.
    package var values: [Float]
    /// What the optimizer remembers.
    package var optimizer: [[Float]]
    /// Running statistics of batch norms.
    package var statistics: [[Float]]

    /// Where a training stands.
    package init(steps: Int, values: [Float], optimizer: [[Float]], statistics: [[Float]]) {
        (self.steps, self.values, self.optimizer, self.statistics) = (steps, values, optimizer, statistics)
    }
}
