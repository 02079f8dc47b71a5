/// An error with its file, for errors that do not name one.
package struct FileFailure: Error, CustomStringConvertible {
    /// The path as given.
    package let path: String
    /// What went wrong in it.
    package let cause: any Error

    /// `resnet.h5: layer 'conv1': …`
    package var description: String { "\(path): \(cause)" }
}

/// Runs the body. Adds the file to errors that do not name one.
func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch  where error is CancellationError || ErrorDetails(error).file != nil {
        throw error
    } catch {
        throw FileFailure(path: path, cause: error)
    }
}
