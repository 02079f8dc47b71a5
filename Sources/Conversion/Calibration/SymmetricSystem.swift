import CLAPACK

/// A symmetric positive definite system, factorized once and solved for many right-hand sides.
public struct SymmetricSystem: Sendable {
    /// Unknowns.
    public let order: Int
    private let factor: [Double]

    /// Factorizes `matrix`, [order, order] in either row or column order. Throws `ConversionError.notDefinite` where it
    /// is not positive definite, `ConversionError.missingLibrary` where LAPACK cannot be loaded.
    public init(_ matrix: [Double], order: Int) throws(ConversionError) {
        precondition(matrix.count == order * order, "\(matrix.count) values for an order of \(order)")
        var factor = matrix
        guard let size = Int32(exactly: order) else { throw .notDefinite(order: order) }
        let status = nc_cholesky(&factor, size)
        guard status != NC_NO_LAPACK else { throw .missingLibrary("liblapack.so.3") }
        // Not every LAPACK notices a NaN.
        guard status == 0, (0..<order).allSatisfy({ factor[$0 * order + $0].isFinite })
        else { throw .notDefinite(order: order) }
        self.order = order
        self.factor = factor
    }

    /// The solutions of `count` right-hand sides, one after another.
    public func solve(_ right: [Double]) -> [Double] {
        var solution = right
        _ = nc_cholesky_solve(factor, Int32(order), &solution, Int32(right.count / max(order, 1)))
        return solution
    }
}
