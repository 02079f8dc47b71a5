import Foundation
import Networks
import Tensors
import Threads

/// Where the elements of a stored kernel belong, whatever its layout.
///
/// Two orders of storage cover all layouts. `hwio` and `hwim` are rows of output channels: a row holds one tap of
/// one input channel of every group (`hwim` is a grouped convolution of one input channel a group). `oihw` and
/// `flattened` are one filter after another, each a run of taps per input channel.
struct KernelGeometry: Sendable, Equatable {
    /// Output channels, that is filters.
    let outputs: Int
    /// Groups of channels that are convolved apart.
    let groups: Int
    /// Input channels of a filter.
    let inputsPerGroup: Int
    /// Positions of a filter: depth times rows times columns.
    let taps: Int
    /// True for rows of output channels, false for one filter after another.
    let outputsAreInnermost: Bool

    /// The geometry of a convolution's kernel; nil if its numbers do not fit together.
    init?(_ convolution: Convolution) {
        let (inputs, outputs, groups) = (convolution.inputs, convolution.outputs, convolution.groups)
        guard let taps = Shape.product(of: convolution.size.all), taps > 0, inputs > 0, outputs > 0,
            groups > 0, inputs % groups == 0,
            outputs % groups == 0, convolution.kernelLayout != .hwim || groups == inputs,
            convolution.kernelShape != nil
        else { return nil }
        self.outputs = outputs
        self.groups = groups
        self.inputsPerGroup = inputs / groups
        self.taps = taps
        self.outputsAreInnermost = ![.oihw, .flattened].contains(convolution.kernelLayout)
    }

    /// Input channels of the whole convolution.
    var inputs: Int { groups * inputsPerGroup }
    /// Filters of a group.
    var outputsPerGroup: Int { outputs / groups }
    /// Weights of a filter.
    var filterSize: Int { taps * inputsPerGroup }

    /// Calls `body` for each stored run of weights that have one place in their filters, where output channels are
    /// innermost: with the run's place in storage, its first output channel and the place in `perWeight`.
    @inline(__always)
    func forEachRun(_ body: (_ start: Int, _ firstOutput: Int, _ weight: Int) -> Void) {
        for row in 0..<filterSize {
            let weight = row % inputsPerGroup * taps + row / inputsPerGroup
            for group in 0..<groups {
                let output = group * outputsPerGroup
                body(row * outputs + output, output, group * filterSize + weight)
            }
        }
    }

    /// One value per weight of a filter of each group, in the order of `oihw`, from one per input channel.
    func perWeight(_ perInput: [Double]) -> [Double] {
        var result: [Double] = []
        result.reserveCapacity(inputs * taps)
        for value in perInput { for _ in 0..<taps { result.append(value) } }
        return result
    }

    /// The values of one group, of those that `perWeight` gives.
    func weights(_ perWeight: [Double], group: Int) -> [Double] {
        Array(perWeight[group * filterSize..<(group + 1) * filterSize])
    }
}

extension KernelGeometry {
    /// The system is asked once: it opens files for the answer.
    private static let cores = ProcessInfo.processInfo.activeProcessorCount

    /// Runs the body for parts of `0..<count`, on all cores where the kernel is large. Output channels are
    /// independent of each other, so that results do not depend on the parts.
    func concurrently(over count: Int, _ body: (Range<Int>) -> Void) {
        let parts = filterSize * outputs < 1 << 16 ? 1 : min(Self.cores, max(count / 16, 1))
        if parts == 1 { return withoutSignals { body(0..<count) } }
        withoutActuallyEscaping(body) { body in
            // Safe: each part reads what nobody writes, and writes its own channels only.
            nonisolated(unsafe) let body = body
            DispatchQueue.concurrentPerform(iterations: parts) { part in
                withoutSignals { body(count * part / parts..<count * (part + 1) / parts) }
            }
        }
    }
}
