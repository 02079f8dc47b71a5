import HDF5
import Tensors
import TestSupport
import Testing

@testable import Calibration
@testable import Conversion

/// Against numpy's dense solutions in `calibration.h5`, which are read as Float32: within 1e-6 of the largest value.
@Suite("The closed forms of a calibration")
struct CalibrationMathTests {
    private func values(_ name: String) throws -> [Double] {
        try HDF5File(reading: TestFiles.fixture("calibration.h5")).root.dataset(name).readFloats().map(
            Double.init)
    }

    private func expectClose(
        _ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let scale = expected.map(abs).max() ?? 0
        let worst = zip(found, expected).map { abs($0 - $1) }.reduce(0) { $1 <= $0 ? $0 : $1 }
        #expect(found.count == expected.count && scale > 0, sourceLocation: sourceLocation)
        #expect(worst <= 1e-6 * scale, sourceLocation: sourceLocation)
    }

    /// Moments of the fixture's x [60, 7] and u [60, 3].
    private func moments() throws -> LinearMoments {
        let (x, u) = (try values("reconstruction/x"), try values("reconstruction/u"))
        let (inputs, outputs) = (7, 3)
        // Sums of values that are shifted, as the program makes them.
        let inputPivot = (0..<inputs).map { Double($0) - 2 }
        let outputPivot = (0..<outputs).map { 1 - Double($0) }
        var (inputSum, outputSum) = ([Double](repeating: 0, count: 7), [Double](repeating: 0, count: 3))
        var squares = [Double](repeating: 0, count: inputs * inputs)
        var products = [Double](repeating: 0, count: outputs * inputs)
        for row in 0..<60 {
            let own = (0..<inputs).map { x[row * inputs + $0] - inputPivot[$0] }
            let target = (0..<outputs).map { u[row * outputs + $0] - outputPivot[$0] }
            for i in 0..<inputs {
                inputSum[i] += own[i]
                for j in 0..<inputs { squares[i * inputs + j] += own[i] * own[j] }
                for o in 0..<outputs { products[o * inputs + i] += target[o] * own[i] }
            }
            for o in 0..<outputs { outputSum[o] += target[o] }
        }
        var sums = MomentSums(
            inputPivot: inputPivot.map(Float.init), outputPivot: outputPivot.map(Float.init))
        sums.count = 60
        (sums.inputSum, sums.outputSum) = (inputSum, outputSum)
        (sums.squares, sums.products) = (squares, products)
        return LinearMoments(sums)
    }

    /// A row-major matrix of rows of 7 times one of 7×7.
    private func product(_ left: [Double], _ right: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: left.count)
        for place in left.indices {
            let (row, column) = (place / 7 * 7, place % 7)
            for other in 0..<7 { result[place] += left[row + other] * right[other * 7 + column] }
        }
        return result
    }

    @Test("moments do not depend on what values were shifted by")
    func shiftedMoments() throws {
        let (x, moments) = (try values("reconstruction/x"), try moments())
        let mean = (0..<7).map { input in (0..<60).reduce(0) { $0 + x[$1 * 7 + input] } / 60 }
        expectClose(moments.inputMean, mean)
        var covariance = [Double](repeating: 0, count: 49)
        for row in 0..<60 {
            let centred = (0..<7).map { x[row * 7 + $0] - mean[$0] }
            for place in 0..<49 { covariance[place] += centred[place / 7] * centred[place % 7] / 60 }
        }
        expectClose(moments.covariance, covariance)
    }

    @Test("filters near old ones solve the ridge problem, and its Lagrange system", arguments: [false, true])
    func reconstruction(keepsZeroMean: Bool) throws {
        let moments = try moments()
        let fit = try Reconstruction(covariance: moments.covariance, size: 7, ridge: 0.05)
        let found = fit.filters(
            near: try values("reconstruction/old"), crossCovariance: moments.crossCovariance,
            keepsZeroMean: keepsZeroMean)
        expectClose(found, try values(keepsZeroMean ? "reconstruction/constrained" : "reconstruction/free"))
        guard keepsZeroMean else { return }
        for start in stride(from: 0, to: found.count, by: 7) {
            let filter = found[start..<start + 7]
            let norm = filter.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(abs(filter.reduce(0, +)) <= 1e-5 * norm)
        }
    }

    @Test("filters that fit already stay as they are")
    func fixedPoint() throws {
        let (moments, old) = (try moments(), try values("reconstruction/old"))
        // What the old filters make of x has the covariance old·Cov[x, x] with it.
        let cross = product(old, moments.covariance)
        let fit = try Reconstruction(covariance: moments.covariance, size: 7, ridge: 0.05)
        expectClose(fit.filters(near: old, crossCovariance: cross, keepsZeroMean: false), old)
    }

    @Test("inputs that never vary leave the filters alone")
    func constantInputs() throws {
        let fit = try Reconstruction(
            covariance: [Double](repeating: 0, count: 4), size: 2, ridge: 0.05)
        let kept = fit.filters(near: [3, -1], crossCovariance: [0, 0], keepsZeroMean: false)
        expectClose(kept, [3, -1])
    }

    @Test("a step down a gradient lowers a quadratic to its minimum, and keeps sums where they are")
    func naturalStep() throws {
        let moments = try moments()
        let fit = try Reconstruction(covariance: moments.covariance, size: 7, ridge: 1e-12)
        let (start, best) = (try values("reconstruction/old"), [Double](repeating: 0.5, count: 21))
        // The gradient of ½E‖(W − best)x‖² at `start`.
        let gradient = product(zip(start, best).map { $0 - $1 }, moments.covariance)
        let step = fit.naturalStep(gradient, keepsZeroMean: false)
        expectClose(zip(start, step).map { $0 - $1 }, best)
        let even = fit.naturalStep(gradient, keepsZeroMean: true)
        for row in 0..<3 { #expect(abs(even[row * 7..<row * 7 + 7].reduce(0, +)) < 1e-6) }
    }

    @Test("a covariance that is none is refused")
    func notDefinite() {
        #expect(throws: ConversionError.notDefinite(order: 2)) {
            try Reconstruction(covariance: [1, 3, 3, 1], size: 2, ridge: 0.01)
        }
        #expect(throws: ConversionError.notDefinite(order: 1)) {
            try Reconstruction(covariance: [.nan], size: 1, ridge: 0.01)
        }
    }

    @Test("a system of 600 unknowns is solved to ten digits")
    func largeSystem() throws {
        let (count, values) = (600, noise(600 * 4))
        // Diagonal plus rank four; the solution is known because the right side is made from it.
        var matrix = [Double](repeating: 0, count: count * count)
        let solution = (0..<count).map { Double($0 % 7) - 3 }
        var right = solution
        for row in 0..<count {
            matrix[row * count + row] = 1
            for column in 0..<count {
                for rank in 0..<4 {
                    matrix[row * count + column] +=
                        Double(values[row * 4 + rank]) * Double(values[column * 4 + rank])
                }
                right[row] += (matrix[row * count + column] - (row == column ? 1 : 0)) * solution[column]
            }
        }
        let found = try SymmetricSystem(matrix, order: count).solve(right)
        let worst = zip(found, solution).map { abs($0 - $1) }.max() ?? 1
        #expect(worst < 1e-10 * 3)
    }

    @Test("scale and offset are those of a line through weighted points")
    func affine() {
        // t = 3z − 1 at z = 0, 1, 4 with weights 1, 2, 0.5.
        let (z, w) = ([0.0, 1, 4], [1.0, 2, 0.5])
        let t = z.map { 3 * $0 - 1 }
        func sum(_ value: (Int) -> Double) -> Double { (0..<3).reduce(0) { $0 + value($1) } }
        let fit = affineFit(
            weight: sum { w[$0] }, z: sum { w[$0] * z[$0] }, target: sum { w[$0] * t[$0] },
            zz: sum { w[$0] * z[$0] * z[$0] }, zt: sum { w[$0] * z[$0] * t[$0] }, old: (7, 7))
        #expect(abs(fit.gamma - 3) < 1e-5 && abs(fit.beta + 1) < 1e-5)
    }

    @Test("a channel without weights keeps its scale and offset, a constant one gets the mean")
    func degenerateAffine() {
        let kept = affineFit(weight: 0, z: 0, target: 0, zz: 0, zt: 0, old: (gamma: 2, beta: -3))
        #expect(kept == (2, -3))
        // z = 1 four times, t = 0, 2, 4, 6.
        let flat = affineFit(weight: 4, z: 4, target: 12, zz: 4, zt: 12, old: (9, 9))
        #expect(abs(flat.gamma) < 1e-9 && abs(flat.beta - 3) < 1e-9)
    }

    @Test("signs of which half are negative are as quiet as the best of all")
    func balancedSigns() {
        var random = SplitMix64(seed: 3)
        let samples = (0..<12).map { _ in (0..<8).map { _ in Double.random(in: -1...1, using: &random) } }
        func value(_ signs: [Double]) -> Double {
            samples.reduce(0) { sum, sample in
                let total = zip(sample, signs).reduce(0) { $0 + $1.0 * $1.1 }
                return sum + total * total
            }
        }
        let found = Conversion.balancedSigns(samples: samples, size: 8)
        #expect(found.count == 8 && found.allSatisfy { abs($0) == 1 } && found.reduce(0, +) == 0)
        let all = (0..<256).map { code in (0..<8).map { code >> $0 & 1 == 1 ? 1.0 : -1.0 } }
        let balanced = all.filter { $0.reduce(0, +) == 0 }.map(value)
        // A descent from two starts: no exchange of two is better, and few of all are.
        #expect(balanced.filter { $0 < value(found) - 1e-9 }.count <= balanced.count / 10)
        for up in 0..<8 where found[up] > 0 {
            for down in 0..<8 where found[down] < 0 {
                var other = found
                (other[up], other[down]) = (-1, 1)
                #expect(value(other) >= value(found) - 1e-9)
            }
        }
        #expect(Conversion.balancedSigns(samples: [[2], [-2]], size: 1).map(abs) == [1])
        // Channels that move against each other do not take the balance away.
        for size in [2, 3, 5, 6, 7, 514] {
            let samples = [1.0, -0.7].map { x in (0..<size).map { $0 % 2 == 0 ? x : -x } }
            let sum = Conversion.balancedSigns(samples: samples, size: size).reduce(0, +)
            #expect(abs(sum) <= Double((size + 255) / 256), "\(size)")
        }
    }

    @Test("signs of wide groups are chosen in parts, each quiet by itself")
    func wideGroups() {
        // All channels move alike: half of them have to turn.
        let samples = [1.0, -0.5, 2].map { [Double](repeating: $0, count: 600) }
        let signs = Conversion.groupSigns(samples: samples, size: 600)
        #expect(signs.count == 600 && abs(signs.reduce(0, +)) <= 3)
    }

    @Test("signs are as quiet as the best of all")
    func signs() throws {
        let covariance = try values("signs/covariance")
        let signs = groupSigns(covariance: covariance, size: 6)
        #expect(signs.allSatisfy { abs($0) == 1 })
        var value = 0.0
        for place in 0..<36 { value += signs[place / 6] * covariance[place] * signs[place % 6] }
        let least = try values("signs/least")[0]
        #expect(abs(value - least) < 1e-5)
        #expect(groupSigns(covariance: [2], size: 1) == [1])
    }
}
