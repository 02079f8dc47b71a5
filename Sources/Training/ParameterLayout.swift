import CKernels
import Networks
import Tensors
import Threads
import Inference

/// Which parameters of a network are trained, and where their values stand in one vector.
///
/// Kernels of convolutions and dense layers stand filter by filter, [outputs, inputs / groups, rows, columns], whatever
/// the file's layout.
package struct ParameterLayout: Sendable {
    /// A parameter's place.
    package struct Entry: Sendable {
        /// The parameter's name in the checkpoint.
        package let name: String
        /// Its values' place in the vector.
        package let range: Range<Int>
        /// The convolution whose kernel it is; nil for a bias, a gamma or a beta.
        package let convolution: Convolution?
        /// ε of weight standardization inside the root, for a kernel whose filters are standardized.
        package let standardization: Double?

        /// Filters of a kernel; 1 for a vector.
        var rows: Int { convolution?.outputs ?? 1 }
    }

    /// All parameters, in the order of the nodes that use them.
    package private(set) var entries: [Entry] = []
    /// Values of all of them.
    package private(set) var count = 0
    private var places: [String: Int] = [:]
    private let frozen: Set<String>

    /// Where a parameter stands; nil for one that is not trained.
    package subscript(_ name: String) -> Entry? { places[name].map { entries[$0] } }

    /// Whether filters of any kernel are standardized.
    var isStandardized: Bool { entries.contains { $0.standardization != nil } }

    /// A parameter's place in a vector in this order; nil for one that is not trained.
    func place(_ name: String?, in vector: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float>? {
        name.flatMap { self[$0] }.map { vector + $0.range.lowerBound }
    }

    /// The trainable parameters of a network's convolutions, dense layers and group norms.
    ///
    /// - Parameters:
    ///   - network: the network.
    ///   - standardized: kernels whose filters are kept at mean 0 and variance 1 while they are trained.
    ///   - epsilon: ε of their standardization, inside the root.
    ///   - includesBatchNorms: whether gamma and beta of batch norms are trained as well.
    ///   - frozen: names of parameters that are not trained.
    package init(
        _ network: Network, standardized: Set<String>, epsilon: Double, includesBatchNorms: Bool = false,
        frozen: Set<String> = []
    ) {
        self.frozen = frozen
        for node in network.nodes {
            switch node.operation {
            case .convolution(let convolution):
                add(convolution, standardized.contains(convolution.kernel) ? epsilon : nil)
            case .dense(let dense): add(dense.convolution, nil)
            case .groupNorm(let norm):
                add(norm.gamma, count: norm.channels)
                add(norm.beta, count: norm.channels)
            case .batchNorm(let norm) where includesBatchNorms:
                add(norm.gamma, count: norm.channels)
                add(norm.beta, count: norm.channels)
            default: break
            }
        }
    }

    private mutating func add(_ convolution: Convolution, _ epsilon: Double?) {
        let size = convolution.outputs * convolution.filterSize
        add(convolution.kernel, count: size, convolution, epsilon)
        add(convolution.bias, count: convolution.outputs)
    }

    private mutating func add(
        _ name: String?, count: Int, _ convolution: Convolution? = nil, _ epsilon: Double? = nil
    ) {
        guard let name, places[name] == nil, !frozen.contains(name) else { return }
        places[name] = entries.count
        entries.append(
            Entry(
                name: name, range: self.count..<self.count + count, convolution: convolution,
                standardization: epsilon))
        self.count += count
    }

    /// The values of a checkpoint's parameters as one vector. Throws `InferenceError` for a missing, misshapen or
    /// non-finite one.
    package func values(in table: ParameterTable) throws -> [Float] {
        let weights = Weights(table)
        var values: [Float] = []
        values.reserveCapacity(count)
        for entry in entries {
            let stored = try weights.read(entry.name, count: entry.range.count)
            values += entry.convolution?.filters(stored) ?? stored
        }
        return values
    }

    /// The values as the network sees them: filters standardized where they are to be.
    package func effective(_ values: [Float]) -> [Float] {
        var values = values
        withoutSignals {
            values.withUnsafeMutableBufferPointer { values in
                for entry in entries {
                    guard let epsilon = entry.standardization else { continue }
                    nc_standardize_rows(
                        values.baseAddress.map { $0 + entry.range.lowerBound }, entry.rows,
                        entry.range.count / entry.rows, epsilon)
                }
            }
        }
        return values
    }

    /// A parameter's values in the checkpoint's shape and layout, from the vector.
    package func tensor(_ entry: Entry, of values: [Float], shape: Shape) -> Tensor {
        let own = Array(values[entry.range])
        return Tensor(shape: shape, values: entry.convolution?.stored(own) ?? own)
    }
}

extension Convolution {
    /// Weights of a filter.
    package var filterSize: Int { inputs / groups * size.height * size.width }

    /// The same convolution with its kernel stored filter by filter.
    var filterMajor: Convolution {
        var result = self
        result.kernelLayout = .oihw
        return result
    }

    /// A stored kernel filter by filter, [outputs, inputs / groups, rows, columns].
    package func filters(_ stored: [Float]) -> [Float] {
        if [.oihw, .flattened].contains(kernelLayout) { return stored }
        var result = stored
        forEachWeight { result[$0] = stored[$1] }
        return result
    }

    /// Filters in the stored kernel's layout.
    package func stored(_ filters: [Float]) -> [Float] {
        if [.oihw, .flattened].contains(kernelLayout) { return filters }
        var result = filters
        forEachWeight { result[$1] = filters[$0] }
        return result
    }

    /// Calls the body with each weight's place filter by filter, and its place as stored.
    private func forEachWeight(_ body: (_ filter: Int, _ stored: Int) -> Void) {
        let strides = KernelStrides(self)
        let perGroup = outputs / groups
        var place = 0
        for output in 0..<outputs {
            let first = output / perGroup * strides.group + output % perGroup * strides.output
            for input in 0..<inputs / groups {
                for row in 0..<size.height {
                    for column in 0..<size.width {
                        body(
                            place,
                            first + input * strides.input + row * strides.row + column * strides.column)
                        place += 1
                    }
                }
            }
        }
    }
}
