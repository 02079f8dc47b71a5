import Tensors

extension DatasetError {
    /// The message about the choice of arrays and their types, in one line.
    var arrayDescription: String {
        switch self {
        case .noImages(let file, let found, let expected):
            "\(file): no images by their name: found \(Self.arrays(found)), expected \(expected)"
        case .severalArrays(let file, let role, let found):
            "\(file): found \(role) in several arrays: \(found.map { "'\($0)'" }.listed(8)), expected one; choose with "
                + (role == "images" ? "--images NAME (--image-array in convert and diff)" : "--labels NAME")
        case .noArray(let file, let name, let found):
            "\(file): no array '\(name)': found \(Self.arrays(found)), expected one of these"
        case .noLabelSource(let file, let name, let found):
            "\(file): --labels '\(name)' is neither a file nor an array: found \(Self.arrays(found)), expected one of these or "
                + "a file of labels"
        case .noLabels(let file, let found, let expected):
            "\(file): no labels\(found.isEmpty ? "" : ": found \(Self.arrays(found))"), expected \(expected)"
        case .pickledArray(let file, let object):
            "\(file): '\(object)': found Python objects (a pickle), expected numbers or strings. Pickles can run code. If you "
                + "trust the file, rewrite it: "
                + Self.python(Self.rewritingObjects, file, output: "plain.npz")
        case .pythonPickle(let file):
            "\(file): found a Python pickle, expected HDF5, .npz, an image folder, or CIFAR's binary version (test_batch.bin). "
                + "Pickles can run code. If you trust the file and it is CIFAR's, rewrite it: "
                + Self.python(Self.rewritingCIFAR, file, output: "test.npz")
        case .optionDoesNotFit(let file, let option, let found, let expected):
            "\(file): found \(found), but \(option) goes with \(expected)"
        case .wrongImageType(let file, let object, let found):
            "\(file): '\(object)': elements are \(found), expected integers or floats"
        case .scaleUnknown(let file, let object, let found, let low, let high):
            "\(file): '\(object)': elements are \(found) from \(Self.number(low)) to \(Self.number(high)), expected uint8; "
                + "give the factor that takes the values to 0…255 with --scale FACTOR, such as --scale 0.0038910506 for 16 bits"
        case .channelsFixed(let file, let object, let found):
            "\(file): '\(object)': \(found) channels, expected 1 or 3 for --channels"
        default: "unreadable split"
        }
    }

    /// Arrays with types and shapes; nothing where there are none.
    private static func arrays(_ found: [String]) -> String { found.isEmpty ? "nothing" : found.listed(8) }

    /// Whole numbers without a fraction.
    private static func number(_ value: Float) -> String {
        Int(exactly: value).map(String.init) ?? "\(value)"
    }

    private static let rewritingObjects =
        "import sys, numpy; d = numpy.load(sys.argv[1], allow_pickle=True); d = d if hasattr(d, \"files\") else {\"array\": d}; "
        + "numpy.savez(sys.argv[2], **{k: numpy.array(d[k].tolist()) if d[k].dtype == object else d[k] for k in d})"

    private static let rewritingCIFAR =
        "import sys, pickle, numpy; d = pickle.load(open(sys.argv[1], \"rb\"), encoding=\"bytes\"); numpy.savez(sys.argv[2], "
        + "images=d[b\"data\"].reshape(-1, 3, 32, 32), labels=d.get(b\"labels\") or d[b\"fine_labels\"])"

    private static func python(_ program: String, _ file: String, output: String) -> String {
        "python3 -c '\(program)' \(file.shellWord) \(output)"
    }
}
