/// Turns gradients into steps, and remembers something of them.
package protocol Optimizer: Sendable {
    /// Moves the values against the gradient times `scale`. `workers` are threads; the result does not depend on them.
    mutating func step(_ values: inout [Float], gradient: [Float], rate: Float, scale: Float, workers: Int)
    /// What it remembers, a vector each.
    var state: [[Float]] { get }
    /// Goes on where another one stood after so many steps.
    mutating func resume(_ state: [[Float]], steps: Int)
}
