import Threads

/// Tells when a calibration is to end with what it has: at a request, or when its time is over.
package struct CalibrationClock: Sendable {
    private let start = ContinuousClock.now
    private let end: ContinuousClock.Instant?

    /// `seconds` from now on; nil for no limit.
    package init(seconds: Double?) {
        let start = self.start
        end = seconds.map { start + .seconds($0) }
    }

    /// Whether nothing more is to be started.
    package var isOver: Bool { EarlyEnd.isRequested || end.map { $0 <= .now } ?? false }

    /// Why nothing more is started, once it is over.
    var reason: String { EarlyEnd.isRequested ? "the calibration was ended early" : "no time is left" }

    /// A clock for a stage that begins now and may take the time that is left.
    var rest: CalibrationClock { CalibrationClock(seconds: end.map { ($0 - .now) / .seconds(1) }) }

    /// The share of the time that has gone by, 0…1; 0 without a limit.
    var share: Double {
        guard let end else { return 0 }
        guard end > start else { return 1 }
        return min((ContinuousClock.now - start) / (end - start), 1)
    }
}
