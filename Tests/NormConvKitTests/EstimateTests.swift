import Foundation
import Inference
import TestSupport
import Testing

@testable import Calibration
@testable import NormConvKit

@Suite("Estimated agreement")
struct EstimateTests {
    private func model(_ file: String) throws -> Model { try Model(path: TestFiles.fixture(file)) }

    private func refusal(_ file: String) throws -> EstimateRefusal? {
        do {
            _ = try model(file).agreementProbe()
            return nil
        } catch let refusal as EstimateRefusal {
            return refusal
        }
    }

    // MARK: Mixtures of classes

    @Test(
        "Images are of all classes in turn, of two each, and mostly of the first", arguments: [1, 2, 3, 10])
    func mixtures(outputs: Int) {
        let targets = ClassTargets(outputs: outputs, weight: 1)
        let classes = max(outputs, 2)
        for image in 0..<100 {
            let (first, second, share) = targets.mixture(image)
            #expect(second != first && 0..<classes ~= first && 0..<classes ~= second)
            #expect(share > 0.5 && share < 1)
        }
        #expect(Set((0..<classes).map { targets.mixture($0).first }) == Set(0..<classes))
        #expect(Set((0..<64).map { targets.mixture($0).share }).count == 16)
    }

    @Test(
        "A class has many shares and partners, and few images show classes from everywhere",
        arguments: [4, 10, 16, 64])
    func variety(classes: Int) {
        let targets = ClassTargets(outputs: classes, weight: 1)
        for place in 0..<classes {
            let own = (0..<2 * max(classes, 16)).map { targets.mixture(place + $0 * classes) }
            #expect(Set(own.map(\.first)).count == 1)
            #expect(Set(own.map(\.second)).count == classes - 1)
            #expect(Set(own.map(\.share)).count == 16)
        }
        let few = (0..<16).map { ClassTargets(outputs: 1000, weight: 1).mixture($0).first }.sorted()
        #expect(Set(few).count == 16 && few[0] < 200 && few[15] > 800)
    }

    /// Central differences of the cross-entropy in double: within 1e-3 of the largest slope.
    @Test("The gradient is that of the cross-entropy", arguments: [1, 2, 7])
    func gradient(outputs: Int) {
        let targets = ClassTargets(outputs: outputs, weight: 0.5)
        let images = 3..<7
        var random = SplitMix64(seed: 9)
        let values = (0..<images.count * outputs).map { _ in Double.random(in: -3...3, using: &random) }
        func loss(_ values: [Double]) -> Double {
            images.enumerated().reduce(0) { sum, entry in
                let (first, second, share) = targets.mixture(entry.element)
                var own = Array(values[entry.offset * outputs..<(entry.offset + 1) * outputs])
                // One output is the difference of two.
                if outputs == 1 { own = [0, own[0]] }
                let all = log(own.reduce(0) { $0 + exp($1) })
                let expected = Double(share) * own[first] + Double(1 - share) * own[second]
                return sum + 0.5 * (all - expected) / Double(images.count)
            }
        }
        var found = [Float](repeating: 0, count: values.count)
        values.map { Float($0) }.withUnsafeBufferPointer { values in
            found.withUnsafeMutableBufferPointer { targets.add(images, values, $0) }
        }
        for index in values.indices {
            var (above, below) = (values, values)
            above[index] += 1e-4
            below[index] -= 1e-4
            let slope = (loss(above) - loss(below)) / 2e-4
            #expect(abs(Double(found[index]) - slope) < 1e-3 * 0.5)
        }
    }

    // MARK: Estimates

    @Test("A network agrees with itself, and a conversion that keeps more is estimated to")
    func order() throws {
        let model = try model("mnist-sequential.keras3.h5")
        let probe = try model.agreementProbe()
        let own = try probe.estimate(
            of: ConversionPlan(unchanged: model.network), parameters: model.parameters)
        #expect(own.agreement == 1 && own.outputError < 1e-6)
        #expect(own.images == probe.count && own.height == 28 && own.width == 28)
        // On test digits 20 and 95 %.
        func agreement(_ options: ConversionOptions) throws -> Double {
            try probe.estimate(of: model.plan(options), parameters: model.parameters).agreement
        }
        let little = try agreement(ConversionOptions())
        let much = try agreement(ConversionOptions(groups: .count(1), weightStandardization: .off))
        #expect(little < much - 0.1)
    }

    @Test("The same network has the same estimate for any number of workers")
    func determinism() throws {
        let model = try model("mnist-sequential.keras3.h5")
        let plan = try model.plan(ConversionOptions(groups: .perGroup(8)))
        func estimate(_ workers: Int) throws -> AgreementEstimate {
            try model.agreementProbe(workers: workers).estimate(of: plan, parameters: model.parameters)
        }
        #expect(try estimate(1) == estimate(2))
    }

    @Test("Random weights and statistics have no estimate")
    func distant() throws { #expect(try refusal("torchvision-basic.torch.h5") == .distant) }

    /// Against what `eval` measures on test images: within 25 points, and in the same order where those differ by 25.
    @Test(
        "Trained networks keep about as much as is estimated",
        .enabled(if: TestFiles.pretrained != nil, "needs ../shared/pretrained"),
        arguments: ["resnet8-cifar10.keras2.h5", "resnet20-cifar10.torch.h5"])
    func trained(file: String) async throws {
        let folder = try #require(TestFiles.pretrained)
        let model = try Model(path: folder + "/" + file)
        let comparisons = try await [String?.none, folder + "/cifar10-test.h5"].asyncMap { path in
            try await model.comparingRecipes(on: path.map { try Split(path: $0) })
        }
        let rows = Array(zip(comparisons[0].rows, comparisons[1].rows))
        for (estimated, measured) in rows {
            let difference = try #require(estimated.agreement) - #require(measured.agreement)
            #expect(abs(difference) < 0.25, "\(estimated.arguments)")
            for (other, measuredOther) in rows
            where try #require(measured.agreement) - #require(measuredOther.agreement) > 0.25 {
                #expect(
                    try #require(estimated.agreement) > #require(other.agreement),
                    "\(estimated.arguments) and \(other.arguments)")
            }
        }
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
