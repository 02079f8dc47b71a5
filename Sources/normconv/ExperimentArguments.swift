import ArgumentParser
import NormConvKit

/// `bn,gn+ws:calibrated`
struct ArmList: CustomStringConvertible {
    var arms: [ExperimentArm]

    /// Those without `--arms`.
    static let usual = ArmList(arms: ExperimentArm.usual)

    private init(arms: [ExperimentArm]) { self.arms = arms }

    /// Throws where a name is no arm, or an arm is there twice.
    init(parsing text: String) throws {
        arms = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let arm = ExperimentArm(parsing: String(name)) else {
                throw ValidationError("found '\(name)', expected arms of \(ExperimentArm.forms)")
            }
            guard !arms.contains(arm) else { throw ValidationError("found '\(name)' twice, expected once") }
            arms.append(arm)
        }
    }

    var description: String { arms.map(\.description).joined(separator: ",") }
}
