import Networks

/// What a calibration did.
public struct CalibrationReport: Codable, Sendable, Equatable {
    /// The images' file; nil where they were made.
    public var data: String?
    /// How images were made, where they were.
    package var synthesis: SynthesisReport?
    /// Images that parameters were fitted to.
    public var fitted: Int
    /// More images that only the training reads; absent where there are none.
    package var streamed: Int?
    /// Images that the first layers were fitted to, where memory did not hold the values of all; absent where it did.
    package var fewestFitted: Int?
    /// Images that judged.
    public var setAside: Int
    /// The seed that drew them.
    public var seed: UInt64
    /// How activations were kept: `single` or `half` precision.
    public var precision: String
    /// How far the outputs are from the old network's after each step, on the images set aside.
    public var steps: [Step] = []
    /// Steps that could not be done, and why.
    package var skipped: [Skipped] = []
    /// What the step `layers` made of each norm: it is in the file only where that step was kept.
    package var norms: [Norm] = []
    /// Layers that were not fitted by themselves, and why; training may still change them.
    package var leftAlone: [ExemptLayer] = []
    /// Whether the calibration was asked to end before its last step.
    package var endedEarly = false
    /// Seconds of one pass of the old network over all images.
    public var forwardSeconds = 0.0
    /// Seconds that solving systems of equations took.
    public var solveSeconds = 0.0
    /// Seconds of everything, solving included.
    public var totalSeconds = 0.0

    /// A step of the calibration.
    public struct Step: Codable, Sendable, Equatable {
        /// `statistics`, `layers`, `head` or `training`.
        public var name: String
        /// Share of the images set aside that both networks put into the same class.
        public var agreement: Double
        /// Squared error of the outputs in units of how much the old network's vary.
        public var outputError: Double
        /// Whether the step was kept; it is dropped where it lowers the agreement by more than one standard error, or raises the
        /// error while the agreement hardly changes.
        public var kept: Bool
    }

    /// A step that could not be done.
    package struct Skipped: Codable, Sendable, Equatable {
        /// `head` or `training`.
        package var name: String
        /// What stood in its way.
        package var reason: String
    }

    mutating func skip(_ name: String, _ reason: String) {
        skipped.append(Skipped(name: name, reason: reason))
    }

    /// What became of filters.
    package enum Filters: String, Codable, Sendable {
        /// There is no convolution of the norm's own before it.
        case none
        /// They are those of the closed form, but for signs: fitted ones were no better.
        case closedForm = "closed form"
        /// They were fitted anew.
        case fitted
    }

    /// A norm's output against the old network's, on the images set aside.
    package struct Norm: Codable, Sendable, Equatable {
        /// The layer's name.
        package var layer: String
        /// Squared error with parameters from stored statistics, in units of how much the old network's values vary.
        package var before: Double
        /// The same after fitting.
        package var after: Double
        /// What became of the filters of the convolution before it.
        package var filters: Filters
    }
}

/// Adds up the time that some work takes.
package final class Stopwatch {
    package private(set) var seconds = 0.0

    package init() {}

    package func measure<Result>(_ body: () throws -> Result) rethrows -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        defer { seconds += (clock.now - start) / .seconds(1) }
        return try body()
    }
}
