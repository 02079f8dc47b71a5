import Conversion
import CLAPACK
import Threads

/// A symmetric positive definite system, factorized once and solved for many right-hand sides.
package struct SymmetricSystem: Sendable {
    /// Unknowns.
    package let order: Int
    private let factor: [Double]

    /// Factorizes `matrix`, [order, order] in either row or column order. Throws `ConversionError.notDefinite` where it
    /// is not positive definite, `ConversionError.missingLibrary` where LAPACK cannot be loaded.
    package init(_ matrix: [Double], order: Int) throws(ConversionError) {
        precondition(matrix.count == order * order, "\(matrix.count) values for an order of \(order)")
        var factor = matrix
        try Self.checkLibrary()
        // Not every LAPACK notices a NaN.
        guard let size = Int32(exactly: order), withoutSignals({ nc_cholesky(&factor, size) }) == 0,
            (0..<order).allSatisfy({ factor[$0 * order + $0].isFinite })
        else { throw .notDefinite(order: order) }
        self.order = order
        self.factor = factor
    }

    /// Throws `ConversionError.missingLibrary` where LAPACK cannot be loaded.
    package static func checkLibrary() throws(ConversionError) {
        // Threads that the library starts as it is loaded inherit what is blocked.
        if let reason = withoutSignals({ nc_lapack_failure() }) {
            throw .missingLibrary(reason: String(cString: reason))
        }
    }

    /// The solutions of `count` right-hand sides, one after another.
    package func solve(_ right: [Double]) -> [Double] {
        var solution = right
        withoutSignals {
            _ = nc_cholesky_solve(factor, Int32(order), &solution, Int32(right.count / max(order, 1)))
        }
        return solution
    }
}
