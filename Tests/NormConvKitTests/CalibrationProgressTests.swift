import NormConvKit
import TestSupport
import Testing

@Suite("a calibration's progress")
struct CalibrationProgressTests {
    /// Whether the stages come one after another, and the share of all work never falls and stays below the whole.
    private func expectCourse(_ steps: [CalibrationProgress], _ stages: [String]) {
        var seen: [String] = []
        for step in steps where seen.last != step.stage { seen.append(step.stage) }
        #expect(seen == stages)
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.share <= $1.share })
        #expect(steps.allSatisfy { 0...1 ~= $0.share && $0.done <= $0.total && $0.total > 0 })
        for stage in stages where stage != "outputs" {
            let last = steps.last { $0.stage == stage }
            #expect(last.map { $0.done == $0.total } == true, "\(stage)")
        }
    }

    private func model() throws -> (Model, ConversionPlan, ConversionOptions) {
        let model = try Model(path: TestFiles.fixture("mnist-resnet.keras3.h5"))
        let options = ConversionOptions(groups: .perGroup(8))
        return (model, try model.plan(options), options)
    }

    @Test("images that are read: every stage is told from its beginning, and all of it is the whole")
    func read() throws {
        let (model, plan, options) = try model()
        let split = try model.split(path: TestFiles.fixture("mnist-test-100.npz"))
        var steps: [CalibrationProgress] = []
        _ = try model.calibrate(
            plan, options: options, on: split, with: CalibrationOptions(images: 16, epochs: 2)
        ) { steps.append($0) }
        expectCourse(steps, ["reading", "outputs", "layers", "training"])
        #expect(steps.first?.done == 1 && steps.first?.total == 16 && steps.last?.share == 1)
        #expect(steps.first.map { $0.share < 0.01 } == true)
    }

    @Test("images that are made: making them is most of the work, and is told from its beginning")
    func made() throws {
        let (model, plan, options) = try model()
        var steps: [CalibrationProgress] = []
        _ = try model.calibrate(
            plan, options: options, synthesizing: SynthesisOptions(images: 8, steps: 60)
        ) { steps.append($0) }
        #expect(steps.first == CalibrationProgress(stage: "images", done: 0, total: 60, share: 0))
        let layers = steps.filter { $0.stage == "layers" }
        #expect(layers.first.map { $0.share > 0.5 } == true && layers.last?.share == 1)
        // A round more makes more to do: the share falls back then, and at no other time.
        let images = steps.filter { $0.stage == "images" }
        #expect(
            zip(images, images.dropFirst()).allSatisfy { $0.share <= $1.share || $0.total < $1.total })
    }
}
