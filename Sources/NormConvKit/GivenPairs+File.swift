import Checkpoints
import Networks
import OrderedJSON

extension GivenPairs {
    /// Reads the pairs in a JSON file.
    ///
    /// Throws `ArchiveError` or `CheckpointError` where it cannot be read or is not JSON, and a `FileFailure` around a
    /// `GivenPairError`.
    package init(path: String) throws {
        let text = try readConfiguration(path)
        self = try naming(path) { try GivenPairs(json: JSON.parse(text)) }
    }
}
