/// Why nothing can be measured on noise.
package enum NoiseFailure: Error, Equatable, CustomStringConvertible {
    /// The fewest images take more memory than allowed.
    case outOfMemory(height: Int, width: Int, bytes: Int, limit: Int)
    /// Volumes are not measured.
    case volumes
    /// The network is not computed, for this reason.
    case notComputed(reason: String)

    /// One line for people.
    package var description: String {
        switch self {
        case .outOfMemory(let height, let width, let bytes, let limit):
            "--init noise: noise images of \(height)×\(width) need \(bytes >> 20) MB, expected at most \(limit >> 20) MB; "
                + Self.wayOn
        case .volumes:
            "--init noise: found a network of volumes, expected one of images or steps; " + Self.wayOn
        case .notComputed(let reason):
            "--init noise computes the network, which is not possible: \(reason); " + Self.wayOn
        }
    }

    private static let wayOn = "use --init statistics"
}
