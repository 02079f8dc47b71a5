import CKernels
import Foundation

/// Aligned memory, on huge pages where it is large: activations and weights then cost fewer address translations.
///
/// Uninitialized memory holds denormals that slow convolutions down a hundredfold: where convolutions work, it is zeroed.
package final class AlignedMemory {
    /// The first byte.
    package let address: UnsafeMutableRawPointer
    /// The size asked for.
    package let bytes: Int

    private static let hugePage = 2 << 20

    /// Memory that is zero, unless every byte will be written before it is read. Throws `InferenceError.outOfMemory`.
    package init(bytes: Int, zeroed: Bool = true) throws(InferenceError) {
        let isLarge = bytes >= Self.hugePage
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, isLarge ? Self.hugePage : 64, max(bytes, 64)) == 0, let memory else {
            throw .outOfMemory(bytes: bytes)
        }
        #if os(Linux)
            if isLarge { madvise(memory, bytes, 14 /* MADV_HUGEPAGE */) }
        #endif
        if zeroed { memset(memory, 0, max(bytes, 64)) }
        address = memory
        self.bytes = bytes
    }

    deinit { free(address) }

    /// The memory as floats.
    package var floats: UnsafeMutablePointer<Float> {
        address.assumingMemoryBound(to: Float.self)
    }
}
