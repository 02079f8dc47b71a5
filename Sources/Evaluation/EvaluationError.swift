/// Why outputs and labels do not make an evaluation.
package enum EvaluationError: Error, Equatable {
    /// A network with fewer than two outputs does not classify.
    case tooFewClasses(found: Int)
    /// A label that is no class of the network.
    case labelOutOfRange(image: Int, label: Int, classes: Int)
    /// Labels of 1…N for N classes.
    case labelsCountFromOne(classes: Int)
    /// Outputs that are not a whole number of rows.
    case wrongOutputCount(found: Int, classes: Int)
    /// Outputs for images that the split does not have.
    case imageOutOfRange(first: Int, last: Int, images: Int)
    /// Outputs of one image twice.
    case recordedTwice(image: Int)
    /// An outcome that no outputs give.
    case impossible(image: Int, classes: Int)
    /// Images without outputs when the results are asked for.
    case notRecorded(images: Int, first: Int)
    /// Accuracy is asked for without labels.
    case unlabelled
    /// Two results that are compared are of different splits or numbers of classes.
    case notComparable(found: String, expected: String)
    /// A baseline that is not the index of a network.
    case noSuchBaseline(found: Int, networks: Int)
}

extension EvaluationError: CustomStringConvertible {
    /// The message in one line: what was found and what was expected.
    package var description: String {
        switch self {
        case .tooFewClasses(let found): "outputs: \(found) classes, expected at least 2"
        case .labelOutOfRange(let image, let label, let classes):
            "image \(image): label \(label), expected 0…\(classes - 1): the network has \(classes) classes"
        case .labelsCountFromOne(let classes):
            "labels are 1…\(classes), expected 0…\(classes - 1); subtract 1 from each, or give the output of each "
                + "number with --classes FILE, a line 'NUMBER INDEX' for each"
        case .wrongOutputCount(let found, let classes):
            "outputs: \(found) values, expected a multiple of \(classes) classes"
        case .imageOutOfRange(let first, let last, let images):
            "outputs of images \(first)…\(last), expected images of 0…\(images - 1)"
        case .recordedTwice(let image): "image \(image): outputs recorded twice, expected once"
        case .impossible(let image, let classes):
            "image \(image): found an outcome that is impossible with \(classes) classes"
        case .notRecorded(let images, let first):
            "\(images) images without outputs, the first of them \(first); expected outputs of every image"
        case .unlabelled: "no labels, expected one for every image"
        case .noSuchBaseline(let found, let networks):
            "baseline \(found), expected the index of a network, 0…\(networks - 1)"
        case .notComparable(let found, let expected): "results of \(found), expected \(expected)"
        }
    }
}
