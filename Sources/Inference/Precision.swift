import CDNNL

/// In what numbers the fast engine convolves.
package enum Precision: String, Sendable, CaseIterable {
    /// Floats, everywhere.
    case float32 = "f32"
    /// The factors of convolutions are rounded to bfloat16, which has a float's range and 8 bits of precision; sums, norms
    /// and all else are floats. By oneDNN's kernels, on processors that multiply such numbers.
    case bfloat16 = "bf16"

    /// Throws `InferenceError.noBFloat16` where the processor does not multiply such numbers.
    package func check() throws(InferenceError) {
        guard self == .bfloat16, !nc_dnnl_has_bfloat16() else { return }
        throw .noBFloat16(instructions: nc_dnnl_instructions().map { String(cString: $0) })
    }
}
