import Foundation

/// How the learning rate changes during a training.
package enum LearningRateSchedule: String, Sendable, Codable, CaseIterable {
    /// BiT-HyperRule for small data sets: up linearly during the first fifth, then a tenth at 2/5, 3/5 and 4/5 (Kolesnikov et
    /// al. 2020, `bit_hyperrule.py`: 100, 200, 300, 400 of 500 steps).
    case bit
    /// Up linearly during the first tenth, then down to 0 along a cosine.
    case cosine
    /// The same all the way.
    case constant

    /// What the highest rate is multiplied with in step `step` of `steps`, counted from 0.
    package func factor(step: Int, of steps: Int) -> Double {
        let share = Double(step) / Double(max(steps, 1))
        switch self {
        case .bit:
            if share < 0.2 { return Double(step + 1) / max(0.2 * Double(steps), 1) }
            // As there, a step takes the lower rate from the one behind the mark on.
            let marks = [0.4, 0.6, 0.8].count { Double(step) > $0 * Double(steps) }
            return pow(0.1, Double(marks))
        case .cosine:
            let rise = min(1, Double(step + 1) / max(0.1 * Double(steps), 1))
            return rise * 0.5 * (1 + cos(Double.pi * share))
        case .constant: return 1
        }
    }
}
