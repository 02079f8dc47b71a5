import Datasets
import Evaluation
import Foundation
import Inference
import Networks
import Reports
import Tensors

/// A network's outputs on a split, and the speed.
package struct Outputs: Sendable {
    /// Values before a final softmax or sigmoid, [images, outputs].
    package let logits: Tensor
    /// How they become probabilities; nil if the network is not a classifier.
    package let head: Head?
    /// What was done to the pixels.
    package let preprocessing: Preprocessing
    /// Wall-clock seconds of the run, without opening files and packing weights.
    package let seconds: Double

    /// Images per second of the run.
    package var imagesPerSecond: Double { seconds > 0 ? Double(logits.shape[0]) / seconds : 0 }
}

/// Which engine runs a network.
package enum EngineKind: String, Sendable, CaseIterable {
    /// oneDNN.
    case fast
    /// Simple loops with sums in Double. Slow; the fast engine is tested against it.
    case reference
}

extension Model {
    /// An engine for images of one shape (height, width, channels), which gives values before a final softmax or
    /// sigmoid.
    package func engine(
        _ kind: EngineKind = .fast, imageShape: Shape, workers: Int? = nil
    ) throws -> any Engine {
        switch kind {
        case .fast:
            return try fastEngine(
                imageShape: imageShape,
                workers: workers ?? ProcessInfo.processInfo.activeProcessorCount)
        case .reference:
            return try naming(path) {
                _ = try outputCount(imageShape: imageShape)
                return try ReferenceEngine(network: logits, parameters: parameters, imageShape: imageShape)
            }
        }
    }

    /// The fast engine; `batch` and `team` as `OneDNNEngine` takes them.
    func fastEngine(
        imageShape: Shape, workers: Int, batch: Int? = nil, team: Int = 1
    ) throws -> OneDNNEngine {
        try naming(path) {
            _ = try outputCount(imageShape: imageShape)
            return try OneDNNEngine(
                network: logits, parameters: parameters, imageShape: imageShape, workers: workers,
                batch: batch, team: team, precision: precision)
        }
    }

    /// The number of outputs. Throws for networks that cannot be scored: those with an unknown graph, and those without a
    /// classifier.
    func outputCount(imageShape image: Shape) throws -> Int {
        try checkGraph()
        let shape = try network.shapes(of: image.mapExtent)[network.output]
        guard shape.count == shape[-1] else { throw EvaluationRefusal.noClassifier(output: shape) }
        return shape.count
    }

    /// Throws `EvaluationRefusal.otherModules` where the file records another network than its names tell,
    /// `EvaluationRefusal.unknownGraph` where only norms and some convolutions are known,
    /// `EvaluationRefusal.unknownNorms` where norms are not known, and what `checkLayers` throws.
    func checkGraph() throws {
        try checkIsComplete()
        try checkLayers()
    }

    /// The same without what only scores and calibration need.
    func checkIsComplete() throws {
        try checkNorms()
        guard contradictions.isEmpty else {
            throw EvaluationRefusal.otherModules(
                differences: contradictions, architecture: network.architecture)
        }
        guard network.isComplete else {
            throw EvaluationRefusal.unknownGraph(reasons: assumptions, isKeras: network.family.isKeras)
        }
    }

    /// Throws `EvaluationRefusal.notComputed` for the first layer that is not computed, and `severalOutputs` where none of
    /// them is chosen.
    func checkLayers() throws {
        guard network.outputs.isEmpty else {
            throw EvaluationRefusal.severalOutputs(names: network.outputs.map(\.name))
        }
        if let obstacle = network.nodes.lazy.compactMap(\.obstacle).first {
            throw EvaluationRefusal.notComputed(cause: obstacle)
        }
    }

    /// The same network with one of its outputs: what only the others depend on is left out.
    ///
    /// Throws `EvaluationRefusal.noSuchOutput`.
    package func reading(output name: String) throws -> Model {
        try naming(path) {
            guard let output = network.outputs.first(where: { $0.name == name }) else {
                throw EvaluationRefusal.noSuchOutput(found: name, names: network.outputs.map(\.name))
            }
            var model = self
            model.network = network.part(before: output.node)
            return model
        }
    }

    /// Throws `EvaluationRefusal.unknownNorms` where nothing says what norms without running statistics are.
    func checkNorms() throws {
        if !unknownNorms.isEmpty { throw EvaluationRefusal.unknownNorms(layers: unknownNorms) }
    }

    /// Runs the network on every image of a split.
    ///
    /// - Parameters:
    ///   - split: the images.
    ///   - preprocessing: nil for the network's own.
    ///   - kind: which engine.
    ///   - workers: how many images or batches are in work at once; nil for all cores.
    ///   - progress: receives the number of images done since the last call, from any thread.
    package func run(
        on split: Split, preprocessing: Preprocessing? = nil, engine kind: EngineKind = .fast,
        workers: Int? = nil, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> Outputs {
        try split.run(
            [self], preprocessing: preprocessing, engine: kind, workers: workers, progress: progress)[0]
    }
}

extension Split {
    /// Runs several networks on every image in one pass: images are decoded once for all networks that take the same
    /// preprocessing. A network's outputs do not depend on the other networks.
    ///
    /// - Parameters:
    ///   - models: the networks.
    ///   - preprocessing: for all of them; nil for each network's own.
    ///   - kind: which engine.
    ///   - workers: how many images or batches are in work at once; nil for all cores.
    ///   - progress: is told how many more images all networks are done with, from any thread.
    package func run(
        _ models: [Model], preprocessing: Preprocessing? = nil, engine kind: EngineKind = .fast,
        workers: Int? = nil, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> [Outputs] {
        let wanted = models.map { preprocessing ?? $0.preprocessing }
        let run = try jointRun(models, wanted, engine: kind, workers: workers)
        let results = try run.run(progress: progress)
        return zip(models, zip(results, wanted)).map { model, run in
            let (result, preprocessing) = run
            return Outputs(
                logits: Tensor(
                    shape: [count, result.outputs.count / max(count, 1)], values: result.outputs),
                head: try? model.head(outputs: result.outputs.count / max(count, 1)),
                preprocessing: preprocessing, seconds: result.seconds)
        }
    }

    /// Networks on this split's images; those that take the same preprocessing share a source.
    func jointRun(
        _ models: [Model], _ wanted: [Preprocessing], engine kind: EngineKind, workers: Int?
    ) throws -> JointRun {
        let distinct = wanted.reduce(into: [Preprocessing]()) { if !$0.contains($1) { $0.append($1) } }
        for preprocessing in distinct { try check(preprocessing) }
        let shape = shape
        let engines = try models.map { try $0.engine(kind, imageShape: shape, workers: workers) }
        let sources = distinct.map { preprocessing in
            ImageSource(count: count, shape: shape) { range, buffer in
                try read(range, into: buffer, preprocessing: preprocessing)
            }
        }
        return JointRun(engines, on: sources, sourceOf: wanted.map { distinct.firstIndex(of: $0) ?? 0 })
    }

    /// Scores outputs against the split's labels.
    package func evaluate(_ outputs: Outputs) throws -> Evaluation {
        try naming(file) { try Evaluation(outcomes(outputs), classNames: classNames) }
    }

    /// The outcome of each image, from outputs and the split's labels.
    package func outcomes(_ outputs: Outputs) throws -> Outcomes {
        try naming(file) {
            guard let head = outputs.head else { throw EvaluationRefusal.noHead }
            try checkClasses(head.classes(outputs: outputs.logits.shape[1]), of: "the network")
            return try Outcomes(outputs: outputs.logits, labels: labels ?? [], head: head)
        }
    }
}

extension Split {
    /// An image as people see it; nil where it has other channels than grey or colours.
    package func picture(_ index: Int) throws -> Picture? {
        let (black, white) = (blackToWhite.lowerBound, blackToWhite.upperBound)
        let bytes = try read(index..<index + 1, preprocessing: .raw).map { value in
            UInt8((min(max((value - black) / (white - black), 0), 1) * 255).rounded())
        }
        return Picture(width: width, height: height, channels: channels, bytes: bytes)
    }
}
