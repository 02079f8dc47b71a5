import Tensors
import Testing

@testable import Evaluation

@Suite struct EvaluationErrorTests {
    @Test("One class is no classification")
    func tooFewClasses() {
        #expect(throws: EvaluationError.tooFewClasses(found: 1)) { try Outcomes(labels: [0], classes: 1) }
    }

    @Test("A label that the network has no class for is named", arguments: [-1, 7])
    func labelOutOfRange(label: Int) {
        #expect(throws: EvaluationError.labelOutOfRange(image: 1, label: label, classes: 7)) {
            try Outcomes(labels: [6, label], classes: 7)
        }
    }

    @Test("Outputs are whole rows")
    func wrongOutputCount() throws {
        var outcomes = try Outcomes(labels: Samples.labels, classes: 7)
        #expect(throws: EvaluationError.wrongOutputCount(found: 8, classes: 7)) {
            try outcomes.record([Float](repeating: 0, count: 8), from: 0)
        }
    }

    @Test("Outputs are of images that exist", arguments: [-1, 11, 12, 13])
    func imageOutOfRange(first: Int) throws {
        var outcomes = try Outcomes(labels: Samples.labels, classes: 7)
        #expect(throws: EvaluationError.imageOutOfRange(first: first, last: first + 1, images: 12)) {
            try outcomes.record([Float](repeating: 0, count: 14), from: first)
        }
    }

    @Test("An image is recorded once")
    func recordedTwice() throws {
        var outcomes = try Samples.outcomes()
        #expect(throws: EvaluationError.recordedTwice(image: 5)) {
            try outcomes.record([Float](repeating: 0, count: 7), from: 5)
        }
    }

    @Test("Outcomes of another run are recorded like outputs, once, and only where outputs can give them")
    func outcomes() throws {
        let whole = try Samples.outcomes()
        var found = try Outcomes(labels: Samples.labels, classes: 7)
        let results = try whole.complete()
        try found.record(Array(results[5...]), from: 5)
        try found.record(Array(results[..<5]), from: 0)
        #expect(try found.complete() == results)
        #expect(throws: EvaluationError.recordedTwice(image: 3)) { try found.record([results[3]], from: 3) }
        #expect(throws: EvaluationError.imageOutOfRange(first: 12, last: 12, images: 12)) {
            try found.record([results[3]], from: 12)
        }
        // Of eleven classes and a prediction that seven do not have, and without a label.
        let values = (0..<11).map(Float.init)
        for wrong in [Outcome(outputs: values[...], label: 3), Outcome(outputs: values[..<7], label: nil)] {
            var fresh = try Outcomes(labels: Samples.labels, classes: 7)
            #expect(throws: EvaluationError.impossible(image: 4, classes: 7)) {
                try fresh.record([wrong], from: 4)
            }
        }
    }

    @Test("No result without outputs of every image")
    func notRecorded() throws {
        var outcomes = try Outcomes(labels: Samples.labels, classes: 7)
        try outcomes.record([Float](repeating: 0, count: 21), from: 0)
        #expect(throws: EvaluationError.notRecorded(images: 9, first: 3)) { try Evaluation(outcomes) }
    }

    @Test("No accuracy without labels")
    func unlabelled() throws {
        let outcomes = try Outcomes(images: 2, classes: 3)
        #expect(throws: EvaluationError.unlabelled) { try Evaluation(outcomes) }
    }

    @Test("Only results of the same images and classes are compared")
    func notComparable() throws {
        let seven = try Samples.outcomes()
        let other = try Outcomes(labels: Samples.labels.reversed(), classes: 7)
        let fewer = try Outcomes(labels: [0], classes: 7)
        let empty = try Outcomes(images: 0, classes: 7)
        #expect(throws: EvaluationError.notComparable(found: "other labels", expected: "the same")) {
            try Comparison(before: seven, after: other)
        }
        let size = "12 images and 7 classes"
        #expect(throws: EvaluationError.notComparable(found: "1 images and 7 classes", expected: size)) {
            try Comparison(before: seven, after: fewer)
        }
        let nothing = EvaluationError.notComparable(found: "0 images and 7 classes", expected: "any images")
        #expect(throws: nothing) { try Comparison(before: empty, after: empty) }
        let flat = EvaluationError.notComparable(
            found: "outputs of shape 84", expected: "[12, classes]")
        #expect(throws: flat) {
            try Evaluation(outputs: Samples.logits.reshaped([84]), labels: Samples.labels)
        }
    }

    @Test("Nothing to score is an error")
    func noImages() {
        #expect(throws: EvaluationError.notComparable(found: "0 images", expected: "at least 1")) {
            try Evaluation(outputs: Tensor(shape: [0, 7], values: []), labels: [])
        }
    }
}
