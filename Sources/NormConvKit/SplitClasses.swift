import Datasets
import Evaluation
import Tensors

extension Model {
    /// The network's number of classes on a split's images, and how its outputs become probabilities.
    ///
    /// Throws if the network is not a classifier, and `SplitFailure.classesUnclear` if the split has another number of
    /// classes and nothing maps them to outputs.
    func classes(of split: Split) throws -> (count: Int, head: Head) {
        let outputs = try naming(path) {
            try outputCount(imageShape: [split.height, split.width, split.channels])
        }
        let head = try naming(path) { try self.head(outputs: outputs) }
        let count = head.classes(outputs: outputs)
        try split.checkClasses(count, of: path)
        return (count, head)
    }
}

extension Split {
    /// The common rule for folders, lists and arrays: if nothing maps the class names to outputs, there must be as many
    /// names as outputs.
    func checkClasses(_ count: Int, of model: String) throws(SplitFailure) {
        if let classes = unplacedClasses, classes != count {
            throw .classesUnclear(split: file, classes: classes, model: model, outputs: count)
        }
    }

    /// A doubt about the labels; nil if there is none.
    ///
    /// Labels that count from 1 are all in range if the last class has no images.
    func labelDoubt(classes: Int) -> String? {
        guard labelReading?.areNumbers == true, let found = labels.map(Set.init), let most = found.max(),
            found == Set(1...max(most, 1)), most >= max(2, classes / 2)
        else { return nil }
        return "class 0 never occurs, and 1…\(most) all do: do labels count from 1?"
    }
}
