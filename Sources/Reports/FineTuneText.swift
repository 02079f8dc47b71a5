extension FineTuneReport {
    /// What batch norms did in training.
    package var batchNormText: String {
        switch settings.batchNorms {
        case "batch": "normalized with the batch"
        case "running": "normalized with the running statistics, gamma and beta trained"
        default: "frozen"
        }
    }
}

extension FineTuneReport.EarlyReason {
    /// The reason, for people.
    package var text: String {
        switch self {
        case .patience: "no better evaluation (--patience)"
        case .interrupted: "Ctrl-C"
        }
    }
}
