import CKernels
import Conversion
import Dispatch
import Inference
import Threads

/// A symmetric positive definite system, factorized once and solved for many right-hand sides. Results do not depend on
/// the number of threads.
///
/// Safe to share: the factor is not written after `init`.
package struct SymmetricSystem: @unchecked Sendable {
    /// Unknowns.
    package let order: Int
    private let threads: Int
    /// Tiles on the diagonal.
    private let rows: Int
    /// Cholesky's factor in tiles.
    private let factor: AlignedMemory

    private static let edge = Int(NC_EDGE)

    /// Factorizes `matrix`, [order, order] in either row or column order. Throws `ConversionError.notDefinite` where it
    /// is not positive definite, `InferenceError.outOfMemory`.
    package init(_ matrix: [Double], order: Int, threads: Int = 1) throws {
        precondition(matrix.count == order * order, "\(matrix.count) values for an order of \(order)")
        self.order = order
        self.threads = threads
        rows = Self.rows(order)
        factor = try AlignedMemory(bytes: Self.bytes(order: order), zeroed: false)
        withoutSignals { nc_pack_symmetric(matrix, order, tiles, rows) }
        guard factorize() else { throw ConversionError.notDefinite(order: order) }
    }

    /// Bytes of a system.
    static func bytes(order: Int) -> Int {
        let rows = rows(order)
        return rows * (rows + 1) / 2 * edge * edge * MemoryLayout<Double>.stride
    }

    private static func rows(_ order: Int) -> Int { (order + edge - 1) / edge }

    private var tiles: UnsafeMutablePointer<Double> {
        factor.address.assumingMemoryBound(to: Double.self)
    }

    /// One column of tiles after the other; the tiles of a column are independent of each other. Whether the matrix is
    /// positive definite.
    private func factorize() -> Bool {
        for column in 0..<rows {
            guard withoutSignals({ nc_factorize_diagonal(tiles, column) }) else { return false }
            concurrently(rows - column - 1) { nc_factorize_tile(tiles, column + 1 + $0, column) }
        }
        return true
    }

    /// The solutions of any number of right-hand sides, one after another.
    package func solve(_ right: [Double]) -> [Double] {
        let count = right.count / max(order, 1)
        let strip = rows * Self.edge * Self.edge
        var solution = right
        solution.withUnsafeMutableBufferPointer { solution in
            // Safe: each strip has right-hand sides of its own.
            nonisolated(unsafe) let solution = solution
            concurrently((count + Self.edge - 1) / Self.edge) { index in
                let range = index * Self.edge..<min((index + 1) * Self.edge, count)
                let values = solution[range.lowerBound * order..<range.upperBound * order]
                let own = UnsafeMutableBufferPointer(rebasing: values)
                withUnsafeTemporaryAllocation(
                    byteCount: strip * MemoryLayout<Double>.stride, alignment: 64
                ) {
                    nc_solve(
                        tiles, rows, own.baseAddress, range.count, order,
                        $0.baseAddress?.assumingMemoryBound(to: Double.self))
                }
            }
        }
        return solution
    }

    /// Calls the body for each of `0..<count`, shared among the threads.
    private func concurrently(_ count: Int, _ body: @Sendable (Int) -> Void) {
        // Where there is little to do, threads would wait for each other.
        let parts = min(rows < 4 ? 1 : threads, count)
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            withoutSignals {
                for index in stride(from: part, to: count, by: parts) { body(index) }
            }
        }
    }
}
