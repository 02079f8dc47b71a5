import Conversion
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Calibration

/// The factor is computed in tiles of 48 × 48: orders and right-hand sides around their edges.
@Suite("Symmetric positive definite systems")
struct SymmetricSystemTests {
    private static let orders = [1, 2, 7, 8, 47, 48, 49, 63, 64, 65, 145, 200]

    private func matrix(_ order: Int, _ value: (Int, Int) -> Double) -> [Double] {
        (0..<order * order).map { value($0 / order, $0 % order) }
    }

    private func row(_ matrix: [Double], _ row: Int, of order: Int) -> ArraySlice<Double> {
        matrix[row * order..<(row + 1) * order]
    }

    private func dot(_ left: ArraySlice<Double>, _ right: ArraySlice<Double>) -> Double {
        zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
    }

    private func product(_ matrix: [Double], _ vector: ArraySlice<Double>) -> [Double] {
        let order = vector.count
        return (0..<order).map { dot(row(matrix, $0, of: order), vector) }
    }

    /// A = LLᵀ of a random L with 1…2 on its diagonal.
    private func randomMatrix(_ order: Int) -> [Double] {
        var random = SplitMix64(seed: UInt64(order))
        let factor = matrix(order) { row, column in
            let value = Double.random(in: -1...1, using: &random)
            return row == column ? 1.5 + value / 2 : row > column ? value / Double(order) : 0
        }
        return matrix(order) { dot(row(factor, $0, of: order), row(factor, $1, of: order)) }
    }

    @Test("solutions are numpy's to twelve digits")
    func numpy() throws {
        let file = URL(fileURLWithPath: TestFiles.fixture("systems.json"))
        let solutions = try JSONDecoder().decode([[Double]].self, from: Data(contentsOf: file))
        #expect(solutions.map(\.count) == Self.orders)
        for expected in solutions {
            let order = expected.count
            let matrix = matrix(order) { 1 / Double($0 + $1 + 1) + ($0 == $1 ? 0.1 : 0) }
            let found = try SymmetricSystem(matrix, order: order).solve((0..<order).map { cos(Double($0)) })
            let scale = expected.map(abs).max() ?? 0
            for (found, expected) in zip(found, expected) { #expect(abs(found - expected) <= 1e-12 * scale) }
        }
    }

    /// The factor of min(i, j) is 1 everywhere: whole numbers stay whole.
    @Test("whole solutions are exact, for any number of right-hand sides", arguments: orders)
    func exact(order: Int) throws {
        let matrix = matrix(order) { Double(min($0, $1) + 1) }
        let system = try SymmetricSystem(matrix, order: order, threads: 2)
        for count in [0, 1, 2, 47, 48, 49, 100] {
            let solution = (0..<count * order).map { Double($0 * 7 % 11 - 5) }
            let right = (0..<count).flatMap { product(matrix, solution[$0 * order..<($0 + 1) * order]) }
            #expect(system.solve(right) == solution)
        }
    }

    @Test("residuals of random systems are below 1e-12", arguments: orders)
    func residuals(order: Int) throws {
        let matrix = randomMatrix(order)
        let right = (0..<order).map { sin(Double($0)) }
        let solution = try SymmetricSystem(matrix, order: order).solve(right)
        for (found, expected) in zip(product(matrix, solution[...]), right) {
            #expect(abs(found - expected) <= 1e-12)
        }
    }

    @Test("the number of threads changes no bit", arguments: [200, 500])
    func threads(order: Int) throws {
        let matrix = randomMatrix(order)
        let right = (0..<order * 130).map { sin(Double($0)) }
        let expected = try SymmetricSystem(matrix, order: order).solve(right)
        for threads in [2, 3, 8, 100] {
            #expect(try SymmetricSystem(matrix, order: order, threads: threads).solve(right) == expected)
        }
    }

    @Test("a matrix that is not definite is refused, wherever that shows", arguments: orders)
    func notDefinite(order: Int) throws {
        for place in Set([0, order / 2, min(47, order - 1), order - 1]) {
            for value in [0, -1, .nan, .infinity] as [Double] {
                let matrix = matrix(order) { $0 != $1 ? 0 : $0 == place ? value : 1 }
                #expect(throws: ConversionError.notDefinite(order: order)) {
                    try SymmetricSystem(matrix, order: order)
                }
            }
        }
    }

    @Test(
        "values besides the diagonal that make it indefinite or no numbers are refused",
        arguments: [2, 48, 65])
    func offDiagonal(order: Int) throws {
        for value in [1.5, -2, .nan, .infinity] as [Double] {
            let last = order - 1
            let matrix = matrix(order) { $0 == $1 ? 1 : min($0, $1) == 0 && max($0, $1) == last ? value : 0 }
            #expect(throws: ConversionError.notDefinite(order: order)) {
                try SymmetricSystem(matrix, order: order)
            }
        }
    }

    @Test("a system without unknowns has the empty solution")
    func empty() throws {
        #expect(try SymmetricSystem([], order: 0).solve([]) == [])
    }
}
