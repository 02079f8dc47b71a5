import Datasets
import Evaluation
import Tensors

extension Model {
    /// How many classes the network tells apart on a split's images, and how its outputs become their probabilities.
    ///
    /// Throws where the network is no classifier, and `SplitFailure.classesUnclear` where the split's classes are not as
    /// many and nothing says which output each of them is.
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
    /// The one rule for folders, lists and arrays: names whose order says nothing of a network's outputs have to be as
    /// many as its classes.
    func checkClasses(_ count: Int, of model: String) throws(SplitFailure) {
        if let classes = unplacedClasses, classes != count {
            throw .classesUnclear(split: file, classes: classes, model: model, outputs: count)
        }
    }

    /// A reason to doubt what the labels were taken for; nil where there is none.
    ///
    /// Numbers that count from 1 are in range where the last class has no images.
    func labelDoubt(classes: Int) -> String? {
        guard labelReading?.areNumbers == true, let found = labels.map(Set.init), let most = found.max(),
            found == Set(1...max(most, 1)), most >= max(2, classes / 2)
        else { return nil }
        return "class 0 never occurs, and 1…\(most) all do: do labels count from 1?"
    }
}
