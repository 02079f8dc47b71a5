import CDNNL
import Tensors
import Threads

/// Why a network could not be run.
package enum InferenceError: Error, Equatable {
    /// A parameter that the network names is not in the table.
    case missingParameter(String)
    /// A parameter has another number of values than its layer needs.
    case wrongParameterShape(name: String, found: Shape, expected: String)
    /// A parameter holds NaN or an infinity.
    case nonFiniteParameter(name: String, index: Int)
    /// A kernel, or its bias, overflows where the batch normalization after it is multiplied in.
    case foldedOverflow(kernel: String)
    /// A running variance is below zero.
    case negativeVariance(name: String, index: Int)
    /// The images are not of the size that the engine was made for.
    case wrongImageShape(found: Shape, expected: Shape)
    /// A layer's operation is one that training does not know.
    case cannotTrain(layer: String)
    /// A batch holds a single value of each channel that enters a batch norm: it has no variance.
    case singleValue(layer: String)
    /// bfloat16 was asked for, which the processor does not multiply; its widest vector instructions, if they are known.
    case noBFloat16(instructions: String?)
    /// oneDNN refused a call.
    case library(operation: String, status: Int)
    /// Memory could not be had.
    case outOfMemory(bytes: Int)
}

extension InferenceError: CustomStringConvertible {
    /// The message in one line.
    package var description: String {
        switch self {
        case .missingParameter(let name): "parameter '\(name)' is not in the file"
        case .wrongParameterShape(let name, let found, let expected):
            "parameter '\(name)': shape is \(found), expected \(expected)"
        case .nonFiniteParameter(let name, let index):
            "parameter '\(name)': the value at index \(index) is not finite"
        case .foldedOverflow(let kernel):
            "parameter '\(kernel)': overflows when the batch norm after it is folded in, expected smaller values"
        case .negativeVariance(let name, let index):
            "parameter '\(name)': the variance at index \(index) is negative"
        case .wrongImageShape(let found, let expected): "images are \(found), expected \(expected)"
        case .cannotTrain(let layer):
            "layer '\(layer)': calibration and training cannot compute gradients through this layer"
        case .singleValue(let layer):
            "layer '\(layer)': a batch of one image holds one value of each channel, which has no variance"
        case .noBFloat16(let instructions):
            "this processor has no bfloat16 instructions: found \(instructions ?? "unknown ones"), expected AVX-512 with "
                + "BF16, or AMX; choose f32"
        case .library(let operation, let status): "oneDNN: \(operation) failed with status \(status)"
        case .outOfMemory(let bytes): "cannot allocate \(bytes) bytes"
        }
    }
}

/// In what numbers the fast engine convolves.
package enum Precision: String, Sendable, CaseIterable {
    /// Floats, everywhere.
    case float32 = "f32"
    /// The factors of convolutions are rounded to bfloat16, which has a float's range and 8 bits of precision; sums, norms
    /// and all else are floats. By oneDNN's kernels, on processors that multiply such numbers.
    case bfloat16 = "bf16"

    /// Throws `InferenceError.noBFloat16` where the processor does not multiply such numbers.
    package func check() throws(InferenceError) {
        guard self == .bfloat16, !withoutSignals({ nc_dnnl_has_bfloat16() }) else { return }
        throw .noBFloat16(instructions: withoutSignals { nc_dnnl_instructions() }.map { String(cString: $0) })
    }
}
