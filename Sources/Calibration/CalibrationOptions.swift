/// How a conversion is calibrated on images without labels.
public struct CalibrationOptions: Sendable, Equatable {
    /// How many images are drawn; all where there are fewer. An eighth of the first 512, but at least 16, and at most a
    /// quarter, is set aside to judge each step. Layers are fitted to the rest of these, and training reads all others too.
    /// Of images that are made, `SynthesisOptions` says how many.
    public var images: Int
    /// Decides which images are drawn, and everything else that is drawn.
    public var seed: UInt64
    /// Whether the classifier's head is fitted anew.
    public var refitsHead: Bool
    /// How many times the images are gone through to train all parameters towards the old network's values; nil lets
    /// the cost of the network and `seconds` decide.
    public var epochs: Int?
    /// Seconds that the calibration may take; nil for about 15 minutes on two cores with AVX-512. More time gives more steps.
    /// Where it is given, the clock ends a calibration that is slower than estimated, and its result depends on the machine.
    public var seconds: Double?
    /// Bytes that a calibration may take. Half of them are for live activations: more of these, or more than 1 GB, are kept in half
    /// precision; what still does not fit leaves images out where layers are fitted.
    public var memory: Int
    /// Threads; the result does not depend on it.
    public var workers: Int?

    /// The defaults are the command's.
    public init(
        images: Int = 512, seed: UInt64 = 0, refitsHead: Bool = true, epochs: Int? = nil,
        seconds: Double? = nil, memory: Int = 4 << 30, workers: Int? = nil
    ) {
        self.images = images
        self.seed = seed
        self.refitsHead = refitsHead
        self.epochs = epochs
        self.seconds = seconds
        self.memory = memory
        self.workers = workers
    }
}

extension CalibrationOptions {
    /// The most images that are kept in memory, which layers are fitted to and steps are judged by.
    package static let mostStored = 512
    /// Bytes for live activations.
    var activationMemory: Int { memory / 2 }
    /// Bytes for sums, systems of equations and training.
    var workMemory: Int { memory - activationMemory }
    /// The most seconds that a calibration may be given.
    package static let mostSeconds = 1e7

    /// Throws `CalibrationFailure` for a time that is none.
    package func check() throws(CalibrationFailure) {
        if let seconds, !(seconds > 0 && seconds <= Self.mostSeconds) { throw .wrongTime(found: seconds) }
    }
}

/// Why a calibration was refused.
package enum CalibrationFailure: Error, Equatable, CustomStringConvertible {
    /// A time that is not positive, or not finite.
    case wrongTime(found: Double)
    /// Too few images to fit to some and judge by others.
    case tooFewImages(file: String, found: Int)

    /// One line for people.
    package var description: String {
        switch self {
        case .wrongTime(let found):
            "a calibration of \(found) seconds, expected more than 0 and at most \(CalibrationOptions.mostSeconds)"
        case .tooFewImages(let file, let found):
            "\(file): \(found) images to calibrate on, expected at least 8"
        }
    }
}
