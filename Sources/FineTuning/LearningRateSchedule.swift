import Foundation

/// How the learning rate changes during a training.
package enum LearningRateSchedule: String, Sendable, Codable, CaseIterable {
    /// BiT-HyperRule (Kolesnikov et al. 2020, `bit_hyperrule.py`): up linearly during the first fifth, then a tenth at 2/5, 3/5
    /// and 4/5; from 10,000 steps on up during the first 500, then a tenth at 3/10, 6/10 and 9/10.
    case bit
    /// Up linearly during the first tenth, then down to 0 along a cosine.
    case cosine
    /// The same all the way.
    case constant

    /// What the highest rate is multiplied with in step `step` of `steps`, counted from 0.
    package func factor(step: Int, of steps: Int) -> Double {
        switch self {
        case .bit:
            let rise = steps < 10_000 ? 0.2 * Double(steps) : 500
            if Double(step) < rise { return min(Double(step + 1) / max(rise, 1), 1) }
            // As there, a step takes the lower rate from the one behind the mark on.
            let marks = steps < 10_000 ? [0.4, 0.6, 0.8] : [0.3, 0.6, 0.9]
            let passed = marks.count { Double(step) > $0 * Double(steps) }
            return pow(0.1, Double(passed))
        case .cosine:
            let rise = min(1, Double(step + 1) / max(0.1 * Double(steps), 1))
            return rise * 0.5 * (1 + cos(Double.pi * Double(step) / Double(max(steps, 1))))
        case .constant: return 1
        }
    }
}
