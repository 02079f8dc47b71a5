/// An error with the file that it is about, for errors that do not know it.
package struct FileFailure: Error, CustomStringConvertible {
    /// The path as it was given.
    package let path: String
    /// What went wrong in it.
    package let cause: any Error

    /// `resnet.h5: layer 'conv1': …`
    package var description: String { "\(path): \(cause)" }
}

/// Runs the body; an error that does not name its file comes out as one that does.
func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch  where error is CancellationError || ErrorDetails(error).file != nil {
        throw error
    } catch {
        throw FileFailure(path: path, cause: error)
    }
}
