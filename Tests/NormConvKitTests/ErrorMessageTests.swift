import Archives
import Checkpoints
import Conversion
import Datasets
import Evaluation
import HDF5
import Networks
import OrderedJSON
import Testing

@testable import NormConvKit

/// The parts of errors: from the values of a case, else from its message.
@Suite("Parts of errors")
struct ErrorMessageTests {
    struct Case: Sendable {
        let error: any Error
        var file: String?
        var object: String?
        var found: String?
        var expected: String?
    }

    /// An error of each form.
    static let cases: [Case] = [
        // Numbers that the case names otherwise than `found` and `expected`.
        Case(
            error: FileFailure(
                path: "a.h5", cause: ConversionError.groupsDoNotDivide(layer: "bn", channels: 16, groups: 7)),
            file: "a.h5", object: "bn", found: "16 channels", expected: "a multiple of 7 groups"),
        Case(
            error: ConversionError.notFinite(parameter: "conv/kernel", index: 3, value: .nan),
            object: "conv/kernel", found: "value 3 is nan", expected: "a finite number"),
        Case(
            error: ArchiveError.tooManyMembers(file: "x.zip", found: 9, limit: 5),
            file: "x.zip", found: "9", expected: "at most 5"),
        Case(
            error: HDF5Error.tooLarge(HDF5Location(file: "a.h5", object: "/w"), found: 900, limit: 30),
            file: "a.h5", object: "/w", found: "900", expected: "at most 30"),
        // A code that the message spells otherwise.
        Case(
            error: PickleError.unsupportedOpcode(path: "a.pth", at: 7, found: 0xB5), file: "a.pth",
            found: "opcode 0xb5", expected: "only those that torch.save writes"),
        // A list.
        Case(
            error: CheckpointError.unknownLayout(path: "a.h5", holds: ["x", "y"]), file: "a.h5",
            found: "'x', 'y'", expected: "Keras' 'model_weights' or PyTorch names such as 'conv1.weight'"),
        Case(
            error: DatasetError.noArray(file: "a.npz", name: "x", found: ["y", "z"]), file: "a.npz",
            object: "x", found: "y, z", expected: "one of these"),
        // Folders and splits are files too.
        Case(
            error: DatasetError.noClassFolders(folder: "val", images: 3), file: "val",
            found: "3 images directly in the folder",
            expected: "a folder for each class, because labels are needed"),
        Case(
            error: SplitFailure.channelsDiffer(split: "a.npz", found: 1, model: "b.h5", expected: 3),
            file: "a.npz", found: "1", expected: "3"),
        // The object by the message alone.
        Case(
            error: SafetensorsError.unsupportedType(path: "a.safetensors", tensor: "w", found: "C64"),
            file: "a.safetensors", object: "w", found: "C64", expected: "F64, F32, F16, BF16 or integers"),
        Case(
            error: FileFailure(
                path: "a.h5", cause: ConvertFailure.notFinite(parameter: "w", index: 0, value: .infinity)),
            file: "a.h5", object: "w", found: "value 0 is inf", expected: "a finite number"),
        // JSON inside a file.
        Case(
            error: FileFailure(path: "m.json", cause: JSONError(.trailingContent, offset: 4, line: 2)),
            file: "m.json", found: "more text", expected: "the end"),
        // Ends of clauses: a way on behind a semicolon, a sentence, a colon.
        Case(
            error: OutputFolderError.notFolder(path: "x"), file: "x", found: "is a file", expected: "a folder"
        ),
        Case(
            error: EvaluationRefusal.softmaxOfOne,
            found: "the network ends in a softmax of one output, which is always 1",
            expected: "a sigmoid or at least two outputs"),
        Case(
            error: HDF5Error.refusedLink(HDF5Location(file: "a.h5", object: "/w"), kind: "a soft link"),
            file: "a.h5", object: "/w", found: "a soft link", expected: "a hard link"),
        // Nothing was expected.
        Case(error: HDF5Error.fileMissing(path: "a.h5"), file: "a.h5"),
    ]

    @Test("file, object, found and expected are told", arguments: cases)
    func parts(_ testCase: Case) {
        let told = NormConvError(testCase.error)
        #expect(told.file == testCase.file, "\(told)")
        #expect(told.object == testCase.object, "\(told)")
        #expect(told.found == testCase.found, "\(told)")
        #expect(told.expected == testCase.expected, "\(told)")
    }

    @Test("usage errors tell the option, what was found and what is possible")
    func usage() {
        let lines: [(String, object: String?, found: String?, expected: String?)] = [
            ("--workers must be between 1 and 1024.", "--workers", nil, "between 1 and 1024"),
            ("--batch-sizes must be at least 1, not 0.", "--batch-sizes", "0", "at least 1"),
            ("The value 'abc' is invalid for '--seed <seed>'", "--seed", "abc", nil),
            (
                "The value 'xx' is invalid for '--to <to>'. Please provide one of 'gn', 'ln' or 'in'.",
                "--to", "xx",
                "'gn', 'ln' or 'in'"
            ),
            ("Missing expected argument '--data <data>'", "--data", nil, nil),
            ("Missing expected argument '<input>'", "<input>", nil, nil),
            ("There is no option '--jsn'. Did you mean '--json'?", "--jsn", nil, nil),
            ("There is no command 'foo'.", "foo", nil, nil),
            (
                "Found 2 outputs (b, c), expected one. To convert several, name a folder.", nil,
                "2 outputs (b, c)", "one"
            ),
        ]
        for (line, object, found, expected) in lines {
            let told = ErrorMessage(usage: line)
            #expect(
                told.object == object && told.found == found && told.expected == expected, "\(line): \(told)")
        }
    }

    @Test("quotes, brackets and apostrophes do not end a clause, and a file's own text does not mislead")
    func clauses() {
        let told = ErrorMessage(
            "a.h5: 'w; x': found 'b; c' (d. e), expected CIFAR's 'f: g'; way on", file: "a.h5")
        #expect(told.object == "w; x" && told.found == "'b; c' (d. e)" && told.expected == "CIFAR's 'f: g'")
        let plain = ErrorMessage("a.h5: no such file", file: "a.h5")
        #expect(plain.object == nil && plain.found == nil && plain.expected == nil)
    }
}
