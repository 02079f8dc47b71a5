/// The outcomes of images in order, 32 bytes each: less than half the size of an array.
package struct OutcomeList: RandomAccessCollection, Sendable, Equatable {
    private var slots: [Slot]

    /// `count` images that have no outcome yet.
    init(unrecorded count: Int) { slots = Array(repeating: Slot(), count: count) }

    /// The outcomes of a sequence.
    package init(_ outcomes: some Sequence<Outcome>) { slots = outcomes.map(Slot.init) }

    /// 0.
    package var startIndex: Int { 0 }
    /// The number of images.
    package var endIndex: Int { slots.count }

    /// An image's outcome. An image without one has the outcome of outputs that are not finite.
    package internal(set) subscript(image: Int) -> Outcome {
        get { slots[image].outcome }
        set { slots[image] = Slot(newValue) }
    }

    /// Whether an image has an outcome.
    func isRecorded(_ image: Int) -> Bool { slots[image].prediction != Slot.unrecorded }

    /// An outcome without optionals; the numbers of classes that are −1 stand for nil, and the values beside them.
    private struct Slot: Equatable, Sendable {
        static let unrecorded: Int32 = -2

        var prediction = unrecorded
        var rivals: Int32 = -1
        var loss = 0.0
        var confidence = 0.0
        var brier = 0.0

        init() {}

        init(_ outcome: Outcome) {
            prediction = outcome.prediction.map(Int32.init) ?? -1
            rivals = outcome.rivals.map(Int32.init) ?? -1
            loss = outcome.loss ?? 0
            confidence = outcome.confidence ?? 0
            brier = outcome.brier ?? 0
        }

        var outcome: Outcome {
            Outcome(
                prediction: prediction < 0 ? nil : Int(prediction), rivals: rivals < 0 ? nil : Int(rivals),
                loss: rivals < 0 ? nil : loss, confidence: prediction < 0 ? nil : confidence,
                brier: rivals < 0 ? nil : brier)
        }
    }
}
