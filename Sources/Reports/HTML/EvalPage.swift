import Evaluation

public struct EvalPage: Sendable {
    public init(
        _ report: EvalReport, outcomes: [Outcomes], classNames: [String]?, command: [String],
        picture: (Int) throws -> Picture?
    ) throws {}
    public func html() throws -> String { "" }
}
