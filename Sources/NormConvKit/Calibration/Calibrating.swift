import Calibration
import Conversion
import Datasets
import Foundation
import Inference
import Training
import Networks
import Tensors

extension Model {
    /// Fits a conversion that is worked out to images without labels: layer by layer, then the head, then all
    /// parameters together. A step is kept only where it does not lower the agreement with this network on images that
    /// are set aside: nothing is fitted to them, they choose between what was fitted.
    ///
    /// - Parameters:
    ///   - plan: the conversion.
    ///   - options: what it was planned with.
    ///   - split: the images; its labels are not read.
    ///   - calibration: how many images, which, and what to do with them.
    ///   - preprocessing: what goes with the network where it is nil.
    ///   - progress: is told how far things are.
    /// - Returns: the plan with fitted parameters, and what was done.
    package func calibrate(
        _ plan: ConversionPlan, options: ConversionOptions, on split: Split,
        with calibration: CalibrationOptions = CalibrationOptions(), preprocessing: Preprocessing? = nil,
        progress: (CalibrationProgress) -> Void = { _ in }
    ) throws -> (plan: ConversionPlan, report: CalibrationReport) {
        try SymmetricSystem.checkLibrary()
        return try naming(path) {
            try checkGraph()
            let course = try course(
                "reading", passes: 0.3, images: max(min(calibration.images, split.count), 0),
                height: split.height, width: split.width, epochs: calibration.epochs)
            let images = try drawnImages(calibration, from: split, preprocessing ?? self.preprocessing) {
                progress(course.progress(.init(stage: "reading", done: $0, total: $1)))
            }
            let run = try CalibrationRun(
                logits, parameters: parameters, plan, options, calibration, images: images,
                data: split.file, isSigmoid: tellsTwoBySigmoid)
            return try run.run { progress(course.progress($0)) }
        }
    }
}

/// Is told how far a stage is.
typealias StageProgress = (CalibrationCourse.Step) -> Void

/// The steps of a calibration, and what they share.
struct CalibrationRun {
    private let source: Network
    private let parameters: ParameterTable
    private let plan: ConversionPlan
    private let options: ConversionOptions
    private let calibration: CalibrationOptions
    private let shapes: [Shape]
    private let images: CalibrationImages
    private let effort: Effort
    private let precision: ActivationStore.Precision
    private let workers: Int
    private let isSigmoid: Bool
    private var student: Student
    private var report: CalibrationReport

    /// Prepares the calibration of a plan for a network, whose output is what it gives before a final softmax or sigmoid.
    /// `images` are preprocessed; `data` is the file that they come from, nil where they were made; `isSigmoid`: one
    /// output tells two classes.
    init(
        _ source: Network, parameters: ParameterTable, _ plan: ConversionPlan, _ options: ConversionOptions,
        _ calibration: CalibrationOptions, images drawn: ActivationStore, data: String?,
        isSigmoid: Bool = false
    ) throws {
        guard drawn.count >= 8 else {
            throw CalibrationFailure.tooFewImages(file: data ?? "made", found: drawn.count)
        }
        self.source = source
        self.parameters = parameters
        self.plan = plan
        self.options = options
        self.calibration = calibration
        self.isSigmoid = isSigmoid
        workers = calibration.workers ?? ProcessInfo.processInfo.activeProcessorCount
        shapes = try source.shapes(forImage: drawn.shape)
        let fitted = drawn.count - drawn.count / 4
        effort = Effort(cost: source.multiplyAdds(shapes: shapes) * Double(fitted), images: fitted)
        images = try CalibrationImages(drawn, addsMirrored: effort.addsMirrored)
        let needed = Self.liveBytes(source, shapes, images: images.store.count)
        precision = needed > calibration.memory ? .half : .single
        var student = try Student(plan, parameters: parameters)
        student.network.output = source.output
        self.student = student
        report = CalibrationReport(
            data: data, fitted: fitted, setAside: drawn.count - fitted, seed: calibration.seed,
            precision: precision == .half ? "half" : "single")
    }

    /// Bytes of the most values that are live at once in both networks.
    private static func liveBytes(_ network: Network, _ shapes: [Shape], images: Int) -> Int {
        var last = [Int](repeating: 0, count: shapes.count)
        for (index, node) in network.nodes.enumerated() { for input in node.inputs { last[input] = index } }
        let most =
            shapes.indices.map { index in
                (0...index).reduce(0) { $0 + ($1 == index || last[$1] >= index ? shapes[$1].count : 0) }
            }.max() ?? 0
        return 2 * most * images * MemoryLayout<Float>.size
    }

    // MARK: Steps

    mutating func runSteps(_ progress: StageProgress) throws {
        progress(.init(stage: "outputs", done: 0, total: 1))
        let forward = Stopwatch()
        let old = try forward.measure {
            try outputs(of: source, parameters, (0..<images.store.count).map { ImageView(image: $0) })
        }
        report.forwardSeconds = forward.seconds
        let judge = Judge(
            try outputs(of: source, parameters, images.judged), classes: shapes[source.output].count,
            isSigmoid: isSigmoid)
        report.steps.append(judge.step("statistics", try judgedOutputs(student)))

        let walked = try walk(progress)
        let keepsLayers = try consider(walked.student, "layers", judge)
        if calibration.refitsHead,
            let refitted = try refitHead(old, features: keepsLayers ? walked.features : nil)
        {
            try consider(refitted, "head", judge)
        }
        let epochs = calibration.epochs ?? effort.epochs
        guard epochs > 0, let trained = try train(epochs, progress) else { return }
        let midway = try midway(to: trained)
        try consider(trained, "training", judge)
        try consider(midway, "halfway", judge)
    }

    func run(
        _ progress: StageProgress
    ) throws -> (plan: ConversionPlan, report: CalibrationReport) {
        var run = self
        let total = Stopwatch()
        try total.measure { try run.runSteps(progress) }
        run.report.totalSeconds = total.seconds
        return (run.student.applied(to: plan), run.report)
    }

    /// Keeps a step's result unless it lowers the agreement with the old network, or leaves it and brings outputs
    /// farther away.
    @discardableResult
    private mutating func consider(
        _ candidate: Student, _ name: String, _ judge: Judge
    ) throws -> Bool {
        var step = judge.step(name, try judgedOutputs(candidate))
        if let last = report.steps.last(where: \.kept) {
            step.kept =
                step.outputError.isFinite
                && (step.agreement > last.agreement
                    || step.agreement == last.agreement && step.outputError <= last.outputError)
        }
        if step.kept { student = candidate }
        report.steps.append(step)
        return step.kept
    }

    private func judgedOutputs(_ student: Student) throws -> [Float] {
        try outputs(of: student.network, student.parameters, images.judged)
    }

    /// A network's outputs for views of the images.
    private func outputs(
        of network: Network, _ parameters: ParameterTable, _ views: [ImageView]
    ) throws -> [Float] {
        let engine = try OneDNNSection(
            Section(whole: network), of: network, parameters: parameters, shapes: shapes, workers: workers)
        let results = try ActivationStore(shape: [shapes[network.output].count], count: views.count)
        let store = images.store
        try engine.run(
            count: views.count,
            load: { range, buffers in
                guard let start = buffers[0].baseAddress else { return }
                for (place, view) in views[range].enumerated() {
                    view.write(from: store, to: start + place * store.shape.count)
                }
            },
            store: { results.store($0, $1[0]) })
        return results.values(0..<views.count)
    }

    // MARK: Layers

    /// The student with fitted layers, and what then enters its head.
    private mutating func walk(
        _ progress: StageProgress
    ) throws -> (student: Student, features: ActivationStore?) {
        func live(_ network: Network, _ parameters: ParameterTable) -> LiveNetwork {
            LiveNetwork(
                network, parameters: parameters, shapes: shapes, images: images.store,
                precision: precision, workers: workers)
        }
        let walk = CalibrationWalk(
            source, teacher: live(source, parameters), student: live(student.network, student.base),
            images: images,
            settings: WalkSettings(
                standardized: Set(standardized.keys), epsilon: options.standardizationEpsilon,
                samplingEffort: effort.sampling, refinements: effort.refinements, memory: calibration.memory,
                workers: workers))
        try walk.run(head: head) { index in
            progress(.init(stage: "layers", done: index + 1, total: source.nodes.count))
        }
        report.norms = walk.norms
        report.leftAlone = walk.leftAlone
        report.solveSeconds += walk.solving.seconds
        var result = student
        result.fitted.merge(walk.fitted) { $1 }
        guard let head else { return (result, nil) }
        let feature = source.nodes[head].inputs[0]
        try walk.student.advance(to: [feature])
        return (result, walk.student[feature])
    }

    /// Convolutions whose kernels the plan standardizes, by these.
    private var standardized: [String: Convolution] {
        let layers = Set(plan.report.standardized)
        return source.nodes.reduce(into: [:]) { table, node in
            if case .convolution(let convolution) = node.operation, layers.contains(node.layer) {
                table[convolution.kernel] = convolution
            }
        }
    }

    // MARK: Head

    /// The dense layer that gives the outputs.
    private var head: Int? {
        if case .dense = source.nodes[source.output].operation { source.output } else { nil }
    }

    /// Ridge regression of the old network's outputs on the features that the new one gives, near the old head.
    private mutating func refitHead(_ old: [Float], features: ActivationStore?) throws -> Student? {
        guard let head, case .dense(let dense) = source.nodes[head].operation else {
            report.skip("head", "the network does not end in a dense layer")
            return nil
        }
        if let reason = source.sharing(head) ?? tooLarge(dense.convolution, memory: calibration.memory) {
            report.skip("head", reason)
            return nil
        }
        guard let features = try features ?? self.features(source.nodes[head].inputs[0]) else { return nil }
        let outputs = try ActivationStore(shape: shapes[head], count: images.store.count)
        old.withUnsafeBufferPointer { outputs.store(0..<images.store.count, $0) }
        let source = MomentSource(
            dense.convolution, inputs: features, target: MomentTarget(value: outputs))
        let solving = Stopwatch()
        let fit = try LayerFit(
            source, kernel: parameters[dense.kernel], ridge: 0.01, effort: 1, images: images.fit,
            workers: workers, solving: solving)
        report.solveSeconds += solving.seconds
        let filters = fit.filters(keepsZeroMean: false)
        var result = student
        try result.set(dense.convolution, filters)
        if let bias = dense.bias { try result.set(bias, fit.bias(filters)) }
        return result
    }

    private func features(_ node: Int) throws -> ActivationStore? {
        let live = LiveNetwork(
            student.network, parameters: student.parameters, shapes: shapes, images: images.store,
            precision: precision, workers: workers)
        try live.advance(to: [node])
        return live[node]
    }

    // MARK: Training

    private mutating func train(_ epochs: Int, _ progress: StageProgress) throws -> Student? {
        let distillation = Distillation(
            source: source, sourceParameters: parameters, student: student, shapes: shapes, images: images,
            settings: Distillation.Settings(
                standardized: Set(standardized.keys), epsilon: options.standardizationEpsilon, epochs: epochs,
                seed: calibration.seed, workers: workers))
        do {
            let trained = try distillation.run { progress(.init(stage: "training", done: $0, total: $1)) }
            // Training that diverges is a step that is not kept.
            guard trained.values.allSatisfy({ $0.firstNonFinite == nil }) else {
                report.skip("training", "it diverged")
                return nil
            }
            var result = student
            result.fitted.merge(trained) { $1 }
            return result
        } catch let error as InferenceError {
            guard case .cannotTrain = error else { throw error }
            report.skip("training", error.description)
            return nil
        }
    }

    /// The means of the parameters before training and after it: where training has gone too far, they are better.
    private func midway(to trained: Student) throws -> Student {
        var result = student
        let standardized = standardized
        for name in trained.fitted.keys.sorted() {
            guard let old = try student.parameters[name]?.read(), let new = trained.fitted[name] else {
                continue
            }
            let mean = zip(old.values, new.values).map { (Double($0) + Double($1)) / 2 }
            guard let convolution = standardized[name] else {
                try result.set(name, mean)
                continue
            }
            let filters = convolution.filters(mean.map(Float.init)).map(Double.init)
            try result.set(
                convolution,
                options.standardizationEpsilon.standardized(filters, size: convolution.filterSize))
        }
        return result
    }
}
