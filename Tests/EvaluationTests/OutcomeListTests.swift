import Testing

@testable import Evaluation

@Suite struct OutcomeListTests {
    @Test("What goes in comes out, with and without a label and where outputs are not finite")
    func keepsOutcomes() {
        let outcomes = [
            Outcome(outputs: [1, 3, 2], label: 1), Outcome(outputs: [1, 3, 2], label: 0),
            Outcome(outputs: [1, 3, 2], label: nil), Outcome(outputs: [.nan, 0, 0], label: 2),
            Outcome(outputs: [-.infinity, 0, 0], label: nil), Outcome(outputs: [0, 0, 0], label: 2),
        ]
        #expect(Array(OutcomeList(outcomes)) == outcomes)
    }

    @Test("An image without an outcome is told from one whose outputs are not finite")
    func recorded() {
        var list = OutcomeList(unrecorded: 2)
        list[1] = Outcome(outputs: [.nan, 0], label: 0)
        #expect(!list.isRecorded(0) && list.isRecorded(1))
    }
}
