import Foundation
import Inference
import Reports
import Tensors

/// Why a network was not fine-tuned.
package enum FineTuningFailure: Error, Equatable, CustomStringConvertible {
    /// A network that ends in no dense layer or 1×1 convolution of its own.
    case noHead(file: String, found: String)
    /// A head whose outputs are sigmoids.
    case sigmoidHead(file: String)
    /// Images without labels.
    case noLabels(file: String)
    /// A batch of more images than there are.
    case batchTooLarge(file: String, found: Int, batch: Int)
    /// Images of training and validation that differ in size.
    case sizesDiffer(file: String, found: String, expected: String)
    /// A pattern that names no parameter.
    case nothingFrozen(file: String, pattern: String, names: [String])
    /// Patterns that leave nothing to train.
    case allFrozen(file: String)
    /// A loss that is not finite.
    case diverged(file: String, step: Int, rate: Double)
    /// A search in which no rate lowered the loss.
    case noRate(file: String, rates: [Double])
    /// A state of another training.
    case otherTraining(file: String, what: String, found: String, expected: String)
    /// Another file in the place of a state.
    case notState(file: String, found: String)
    /// Too few images to hold some out.
    case tooFewForSearch(file: String, found: Int, expected: Int)
    /// Ctrl-C before the first step.
    case nothingTrained(file: String)
    /// A label of validation images that no training image can have.
    case unknownLabel(file: String, found: Int, classes: Int, training: String)
    /// Images of one class.
    case oneClass(file: String, label: Int)
    /// Batch norms that normalize with the batch, of which a part is to be computed at once.
    case wholeBatch(file: String)
    /// Volumes or steps.
    case notImages(file: String, found: String)

    /// One line for people.
    package var description: String {
        switch self {
        case .noHead(let file, let found):
            "\(file): the network ends in \(found), expected a dense layer or a 1×1 convolution of its own as classifier; "
                + "--keep-head trains it as it is"
        case .sigmoidHead(let file):
            "\(file): the outputs are sigmoids, expected one output for each class (softmax); networks with sigmoids are not fine-tuned"
        case .wholeBatch(let file):
            "\(file): batch norms need the whole batch at once, found --micro-batch; leave it out, or give --bn eval or --bn frozen"
        case .noLabels(let file): "\(file): found no labels, expected one for each image"
        case .batchTooLarge(let file, let found, let batch):
            "\(file): found \(found.counted("image")), expected at least one batch of \(batch); give a smaller --batch"
        case .sizesDiffer(let file, let found, let expected):
            "\(file): images are \(found), expected \(expected) as in training; set --resize and --crop, or --augment none"
        case .nothingFrozen(let file, let pattern, let names):
            "\(file): no parameter matches --freeze '\(pattern)'; the network has \(names.listed())"
        case .allFrozen(let file): "\(file): --freeze leaves no parameter to train"
        case .diverged(let file, let step, let rate):
            "\(file): the training diverges: the loss is not finite at step \(step) with learning rates up to \(rate.short); give a "
                + "lower --lr (auto searches for one), or --clip 1"
        case .noRate(let file, let rates):
            "\(file): none of the learning rates \(rates.map(\.short).joined(separator: ", ")) lowers the loss on held-out images; "
                + "check the labels and --preprocess, or give --lr"
        case .otherTraining(let file, let what, let found, let expected):
            "\(file): the state of another training: \(what): found \(found), expected \(expected); give the options of that "
                + "training, or another file to --resume"
        case .notState(let file, let found):
            "\(file): found \(found), expected the state of a training, as --resume writes it; give another file to --resume"
        case .tooFewForSearch(let file, let found, let expected):
            "\(file): found \(found.counted("image")), expected at least \(expected) to search for a learning rate; give --lr, "
                + "such as 0.003"
        case .nothingTrained(let file): "\(file): stopped before the first step: there is nothing to write"
        case .unknownLabel(let file, let found, let classes, let training):
            "\(file): found label \(found), expected 0 to \(classes - 1) as in \(training); remove images of other classes, or add "
                + "some to the training images"
        case .oneClass(let file, let label):
            "\(file): all labels are \(label), expected at least two classes to tell apart"
        case .notImages(let file, let found):
            "\(file): the network takes \(found), expected images; volumes and steps are not fine-tuned"
        }
    }
}

extension FileFailure {
    /// Whether a batch norm would get a single value.
    var isSingleValue: Bool {
        if case InferenceError.singleValue = cause { true } else { false }
    }
}
