import Threads

/// One of the threads that share every operation of a step.
struct TeamMember {
    let index: Int
    /// Threads of the team.
    let count: Int
    private let rendezvous: Rendezvous

    init(_ index: Int, of count: Int, _ rendezvous: Rendezvous) {
        (self.index, self.count, self.rendezvous) = (index, count, rendezvous)
    }

    /// Waits for the others; the last one to come runs the body before any goes on.
    func meet(_ body: () throws -> Void = {}) throws {
        try Cancellation.check()
        try rendezvous.meet(body)
    }

    /// Whether the piece of work with this index is this thread's.
    func takes(_ piece: Int) -> Bool { piece % count == index }

    /// This thread's share of a range, in multiples of a unit.
    func share(of length: Int, unit: Int = 1) -> Range<Int> {
        let units = (length + unit - 1) / unit
        return min(units * index / count * unit, length)..<min(units * (index + 1) / count * unit, length)
    }

    /// Calls the body for this thread's share of the positions of several images: the image, and positions in it.
    func forEachShare(
        images: Int, positions: Int, _ body: (_ image: Int, _ positions: Range<Int>) -> Void
    ) {
        let own = share(of: images * positions)
        var start = own.lowerBound
        while start < own.upperBound {
            let image = start / positions
            let end = min(own.upperBound, (image + 1) * positions)
            body(image, start - image * positions..<end - image * positions)
            start = end
        }
    }
}
