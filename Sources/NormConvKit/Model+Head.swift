import Datasets
import Evaluation
import Networks
import OrderedJSON
import Tensors

extension Model {
    /// How the network's outputs become probabilities. A softmax or sigmoid at the network's end says it, then a loss in
    /// the file's training configuration that takes logits, then `readsSigmoid`; outputs without either are read
    /// through a softmax.
    ///
    /// Throws `EvaluationRefusal.noHead` for one output that may be a number as well as two classes.
    func head(outputs: Int) throws -> Head {
        switch network.finalActivation?.activation {
        case .sigmoid: return outputs == 1 ? .sigmoid : .normalizedSigmoids
        case .softmax:
            guard outputs > 1 else { throw EvaluationRefusal.softmaxOfOne }
            return .softmax
        default:
            if readsSigmoid || trainsOnBinaryLogits {
                return outputs == 1 ? .sigmoid : .normalizedSigmoids
            }
            guard outputs > 1 else { throw EvaluationRefusal.noHead }
            return .softmax
        }
    }

    /// Whether it is a binary classifier with one sigmoid output.
    var tellsTwoBySigmoid: Bool { (try? head(outputs: 1)) == .sigmoid }

    /// The same network, with outputs read as sigmoid logits if no activation follows them.
    package func readingSigmoid() -> Model {
        var model = self
        model.readsSigmoid = true
        return model
    }

    /// Whether Keras' training configuration names a binary cross-entropy of logits.
    private var trainsOnBinaryLogits: Bool {
        let training =
            checkpoint.trainingConfig.flatMap { try? JSON.parse($0) } ?? config?["compile_config"]
        guard let loss = training?["loss"], let name = loss["class_name"]?.string else { return false }
        return ["BinaryCrossentropy", "BinaryFocalCrossentropy"].contains(name)
            && loss["config"]?["from_logits"]?.bool == true
    }
}

extension Network {
    /// The softmax or sigmoid at the network's end; nil if it ends in another operation.
    var finalActivation: (node: Int, activation: Activation)? {
        let last = shapesOnly.before
        guard case .activation(let activation) = nodes[last].operation,
            [.softmax, .sigmoid].contains(activation)
        else { return nil }
        return (last, activation)
    }

    /// The last operation that changes more than the shape, and the first operation after it.
    private var shapesOnly: (before: Int, first: Int?) {
        var (before, first) = (output, Int?.none)
        while true {
            switch nodes[before].operation {
            case .flatten, .reshape: (before, first) = (nodes[before].inputs[0], before)
            default: return (before, first)
            }
        }
    }

    /// Whether the output is no classifier's: no dense layer or convolution gives it, but for those before a norm of maps.
    var endsInFeatures: Bool {
        guard finalActivation == nil else { return false }
        var (pending, seen) = ([output], Set<Int>())
        while let index = pending.popLast() {
            guard seen.insert(index).inserted else { continue }
            let inputs = nodes[index].inputs
            switch nodes[index].operation {
            case .input: break
            case .batchNorm, .groupNorm, .layerNorm:
                if let input = inputs.first, case .dense = nodes[input].operation { return false }
            case .activation, .prelu, .pool, .globalPool, .flatten, .reshape, .zeroPad, .add, .concatenate:
                pending += inputs
            default: return false
            }
        }
        return true
    }

    /// The network without its final softmax or sigmoid. Only operations that change the shape may follow it.
    var upToLogits: Network {
        guard let last = finalActivation?.node else { return self }
        var network = self
        let before = nodes[last].inputs
        if let behind = shapesOnly.first {
            network.nodes[behind].inputs = before
        } else {
            network.output = before[0]
        }
        return network
    }
}

extension Model {
    /// How many classes the network tells apart on a split's images, and how its outputs become their probabilities.
    ///
    /// Throws where the network is no classifier, and `SplitFailure.classesUnclear` where the split's classes are not as
    /// many and nothing says which output each of them is.
    func classes(of split: Split) throws -> (count: Int, head: Head) {
        let outputs = try naming(path) {
            try outputCount(imageShape: split.shape)
        }
        guard !network.endsInFeatures else {
            throw FileFailure(path: path, cause: EvaluationRefusal.noClassifier(output: [outputs]))
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
