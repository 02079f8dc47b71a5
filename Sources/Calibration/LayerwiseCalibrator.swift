import Conversion
import Inference
import Networks
import Tensors

/// Fits one layer after another, in topological order, so that each makes up for what those before it could not keep:
/// the old network (teacher) and the new one (student) are computed side by side on the images, of which memory may hold only
/// some at first.
final class LayerwiseCalibrator {
    let source: Network
    private(set) var teacher: ActivationCache
    private(set) var student: ActivationCache
    private(set) var images: CalibrationImages
    let settings: Settings
    let pairs: ConvolutionNormPairs
    /// The student's parameters.
    var parameters: CalibratedParameters { didSet { student.parameters = parameters.table } }
    var norms: [CalibrationReport.Norm] = []
    var leftAlone: [ExemptLayer] = []
    let solving = Stopwatch()

    let consumers: [[Int]]
    private let needed: Set<Int>

    init(
        _ source: Network, teacher: ActivationCache, student: ActivationCache,
        parameters: CalibratedParameters, images: CalibrationImages, settings: Settings
    ) {
        self.source = source
        self.teacher = teacher
        self.student = student
        self.parameters = parameters
        self.images = images
        self.settings = settings
        pairs = ConvolutionNormPairs(source)
        let needed = source.nodesNeeded(for: Section(whole: source))
        self.needed = needed
        consumers = source.consumers.map { $0.filter(needed.contains) }
    }

    /// Visits every norm and every layer without one but the head, which comes last and by itself. Once `obstacle` gives a
    /// reason, norms stay as they are for it. `before` is called with each node
    /// before it is visited.
    func run(
        head: Int?, until obstacle: () -> String? = { nil }, before: (Int) throws -> Void = { _ in },
        progress: (Int) -> Void
    ) throws {
        for index in source.nodes.indices where needed.contains(index) {
            let node = student.network.nodes[index]
            if let reason = obstacle() {
                if case .batchNorm = source.nodes[index].operation {
                    leftAlone.append(.init(layer: node.layer, reason: reason))
                }
                continue
            }
            try before(index)
            switch (source.nodes[index].operation, node.operation) {
            case (.batchNorm(let old), .groupNorm(let new)):
                if let reason = source.sharing(index) ?? missing(new) {
                    leftAlone.append(.init(layer: node.layer, reason: reason))
                } else {
                    try visitNorm(index, old, new)
                }
            case (_, .convolution(let convolution)) where pairs.normBehind[index] == nil:
                try visitLinear(index, convolution)
            case (_, .dense(let dense)) where index != head: try visitLinear(index, dense.convolution)
            default: break
            }
            teacher.release()
            student.release()
            progress(index)
        }
        progress(source.nodes.count - 1)
    }

    /// Goes on with more of all the images, `count` of them: values of the old images are let go of and computed for the new ones.
    /// Less than twice as many are not worth it.
    func grow(to count: Int, of all: CalibrationImages) throws {
        let current = images.store.count
        guard current < all.store.count, count >= min(2 * current, all.store.count) else { return }
        images = try all.some(count)
        teacher = try teacher.moved(to: images.store)
        student = try student.moved(to: images.store)
    }

    private func missing(_ norm: GroupNorm) -> String? {
        norm.gamma == nil || norm.beta == nil ? "it has no gamma or no beta to fit" : nil
    }

    /// Why a convolution's or dense layer's filters are not fitted by themselves.
    func fitObstacle(_ index: Int, _ convolution: Convolution) -> String? {
        source.sharing(index) ?? tooLarge(convolution, memory: settings.memory)
    }
}

extension LayerwiseCalibrator {
    /// What a calibrator is to do.
    struct Settings {
        /// Kernels that are standardized.
        var standardized: Set<String>
        /// ε of their standardization.
        var epsilon: ConversionOptions.StandardizationEpsilon
        /// λ of the kernels' fit, in units of the mean variance of an input.
        var ridge = 0.03
        /// What an error counts that no ReLU lets through.
        var leak: Float = 0.1
        /// What the sums for a layer's fit may cost, in units of the layer itself.
        var samplingEffort = 1.0
        /// Steps down the gradient through each norm.
        var refinements = 0
        /// Bytes that a layer's fit may take; a layer that needs more is left as it is.
        var memory: Int
        /// Threads.
        var workers: Int
    }
}

/// Why filters are not fitted: systems of their size would take more than `memory` bytes.
func tooLarge(_ convolution: Convolution, memory: Int) -> String? {
    LayerFit.bytes(convolution) > memory
        ? "a fit of \(convolution.filterSize) weights a filter needs more memory than allowed" : nil
}

extension Network {
    /// Why a layer's parameters are not fitted: other layers use them too.
    func sharing(_ index: Int) -> String? {
        let own = Set(nodes[index].operation.parameters)
        let isShared = nodes.indices.contains { other in
            other != index && !own.isDisjoint(with: nodes[other].operation.parameters)
        }
        return isShared ? "its parameters are shared with another layer" : nil
    }
}
