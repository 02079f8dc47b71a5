import Datasets
import Evaluation
import Inference
import Reports

extension EvalReport {
    /// Scores networks' outputs on a split, and compares those of all others with the baseline's, image by image.
    /// `baseline` is a place in `models`.
    public init(
        models: [Model], outputs: [Outputs], on split: Split, engine: EngineKind, baseline: Int? = nil
    ) throws {
        let networks = try models.indices.map { index in
            let comparison = try baseline.flatMap { baseline in
                baseline == index
                    ? nil
                    : try naming(models[index].path) {
                        try Comparison(
                            before: outputs[baseline].logits, after: outputs[index].logits,
                            labels: split.labels)
                    }
            }
            return Network(
                model: models[index].path, preprocess: outputs[index].preprocessing.description,
                imagesPerSecond: outputs[index].imagesPerSecond,
                evaluation: try split.evaluate(outputs[index]), comparison: comparison)
        }
        self.init(
            version: normconvVersion, data: split.file, engine: engine.rawValue,
            baseline: baseline.map { models[$0].path }, models: networks)
        transform = split.transform?.description
        broken = split.broken.isEmpty ? nil : split.broken.map { Broken(file: $0.file, reason: $0.reason) }
    }
}
