/// The text of a progress line, fitted to the terminal's width.
package struct ProgressText: Sendable {
    /// What is running.
    package var title: String
    /// How much of the work is done, 0…1.
    package var share: Double
    /// `1,234/2,000 images`
    package var count: String
    /// `512 images/s`, if there is a rate.
    package var rate: String?
    /// `0:02 left`, or a text for an unknown time.
    package var left: String

    /// Progress in images. More than the total counts as the total.
    ///
    /// - Parameters:
    ///   - before: images of `done` from an earlier run, which do not count for the rate.
    ///   - seconds: since the start of this run.
    package init(_ title: String, images done: Int, before: Int = 0, of total: Int, seconds: Double) {
        let total = max(total, 0)
        let done = min(max(done, 0), total)
        let fresh = max(done - before, 0)
        let rate = seconds > 0 ? Double(fresh) / seconds : 0
        self.title = title
        share = total > 0 ? Double(done) / Double(total) : 0
        count = "\(Formatting.grouped(done))/\(Formatting.grouped(total)) images"
        self.rate = rate > 0 ? "\(Formatting.rate(rate)) images/s" : nil
        left = Self.left(rate > 0 ? Double(total - done) / rate : nil)
    }

    /// Progress of a stage; `share` of the whole work is done after `seconds`.
    package init(_ title: String, stage: String, done: Int, of total: Int, share: Double, seconds: Double) {
        let total = max(total, 0)
        let share = share.isFinite ? min(max(share, 0), 1) : 0
        self.title = title
        self.share = share
        let progress = "\(Formatting.grouped(min(max(done, 0), total)))/\(Formatting.grouped(total))"
        count = total > 0 ? "\(stage) \(progress)" : stage
        // The first steps tell little of the rate.
        left = Self.left(share >= 0.01 && seconds > 0 ? seconds * (1 - share) / share : nil)
    }

    private static func left(_ seconds: Double?) -> String {
        seconds.map { "\(Formatting.duration(seconds: $0)) left" } ?? "estimating the time left"
    }

    /// The line in a number of columns: `gn.h5 [#####-----]  1,234/2,000 images  512 images/s  0:02 left`. Parts that do not
    /// fit are left out, the remaining time last.
    package func line(columns: Int) -> String {
        let forms = [[count, rate, left], [count, left], [left]].map { $0.compactMap(\.self) }
        let figures = forms.map { $0.joined(separator: "  ") }
        let (full, titleWidth) = (figures[0], Columns.count(title))
        // Beside title and figures: two spaces, and one, and the bar in brackets.
        let shortened = min(titleWidth, max(columns - Columns.count(full) - 2 - 3 - 10, 12))
        let space = min(columns - Columns.count(full) - 2 - 3 - shortened, 30)
        if space >= 5 {
            let filled = Int(Double(space) * share)
            let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: space - filled)
            return "\(Formatting.tail(title, width: shortened)) [\(bar)]  \(full)"
        }
        for text in figures {
            let room = columns - Columns.count(text) - 2
            if room >= min(titleWidth, 6) { return "\(Formatting.tail(title, width: room))  \(text)" }
        }
        return Formatting.head(left, width: columns)
    }
}
