import Threads

/// The error of all throwing functions of this library, except for the `CancellationError` of a cancelled task.
///
/// `description` is one line for people: the file, the object in it, what was found, what was expected, and the way on.
public struct NormConvError: Error, CustomStringConvertible {
    /// The file, by the path that was given; nil where the fault is in no file.
    public let file: String?
    /// What in it: a parameter, a layer, an attribute, an option.
    public let object: String?
    /// What was found.
    public let found: String?
    /// What was expected.
    public let expected: String?
    /// The error of the part that failed.
    public let underlying: any Error
    /// One line for people.
    public let description: String

    /// An error of a part of this library. Its cases name what they tell: `file` or `path`, `parameter` or `layer`, `found`,
    /// `expected`.
    package init(_ error: any Error) {
        if let error = error as? NormConvError {
            self = error
            return
        }
        let (told, text) = (ErrorDetails(error), "\(error)")
        let message = ErrorMessage(text, file: told.file)
        /// A case's own value, but for one that the message spells in another way: a code as a number, a list as Swift has it.
        func chosen(_ value: String?, _ read: String?) -> String? {
            value.flatMap { text.contains($0) ? $0 : nil } ?? read ?? value
        }
        (file, object) = (told.file, told.object ?? message.object)
        found = chosen(told.found, message.found)
        expected = chosen(told.expected, message.expected) ?? told.limit.map { "at most \($0)" }
        underlying = told.cause
        description = text
    }
}

/// What the cases of the parts' errors tell, by the labels of their values.
struct ErrorDetails {
    private(set) var file: String?
    private(set) var object: String?
    private(set) var found: String?
    private(set) var expected: String?
    /// The most there may be.
    private(set) var limit: String?
    /// The innermost error.
    private(set) var cause: any Error

    init(_ error: any Error) {
        cause = error
        read(error)
    }

    private static let objects: Set = [
        "object", "parameter", "layer", "name", "member", "attribute", "kernel", "option", "setting",
        "tensor",
        "augmentation", "what",
    ]

    private mutating func read(_ error: any Error) {
        cause = error
        let mirror = Mirror(reflecting: error)
        // A case's values are a tuple, or the one value by its label.
        let payload = mirror.displayStyle == .enum ? mirror.children.first : nil
        guard let payload else { return read(mirror.children.map { ($0.label, $0.value) }) }
        let tuple = Mirror(reflecting: payload.value)
        let values =
            tuple.displayStyle == .tuple
            ? tuple.children.map { ($0.label, $0.value) } : [(nil, payload.value)]
        read(values)
    }

    private mutating func read(_ values: [(label: String?, value: Any)]) {
        for (label, value) in values {
            if let inner = value as? any Error {
                read(inner)
            } else if label?.hasPrefix(".") ?? true, Mirror(reflecting: value).displayStyle == .struct {
                // A place in a file: the one value, or the first of a tuple, where Swift labels it ".0".
                read(Mirror(reflecting: value).children.map { ($0.label, $0.value) })
            } else if let label, let text = Self.text(value) {
                switch label {
                case "file", "path", "folder", "split": file = file ?? text
                case "found": found = found ?? text
                case "expected": expected = expected ?? text
                case "limit": limit = limit ?? text
                case let label where Self.objects.contains(label): object = object ?? text
                default: break
                }
            }
        }
    }

    /// The value as text; nil for an optional without one.
    private static func text(_ value: Any) -> String? {
        let mirror = Mirror(reflecting: value)
        guard mirror.displayStyle == .optional else { return "\(value)" }
        return mirror.children.first.map { "\($0.value)" }
    }
}

/// Calls the body; what it throws comes out as `NormConvError`, but a cancelled task's error as it is.
func reporting<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as CancellationError { throw error } catch {
        throw NormConvError(error)
    }
}

/// The same for work that is waited for.
func reporting<Result: Sendable>(
    computing body: @escaping @Sendable () throws -> Result
) async throws -> Result {
    do { return try await computing(body) } catch let error as CancellationError { throw error } catch {
        throw NormConvError(error)
    }
}
