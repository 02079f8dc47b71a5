// Private to the kernels: how they are compiled, and what they share.
#ifndef NORMCONV_VECTORIZED_H
#define NORMCONV_VECTORIZED_H

// The thread sanitizer is not there yet when the dynamic linker chooses among clones.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NC_ONE_VERSION
#endif
#endif

#if !defined(__x86_64__) || !defined(__ELF__) || defined(NC_ONE_VERSION)
#define NC_VECTORIZED
#elif __clang_major__ < 18
// Swift 6.0's clang has no levels of the architecture here.
#define NC_VECTORIZED __attribute__((target_clones("fma", "default")))
#else
#define NC_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

/// NaN stays NaN: both comparisons are false for it.
static inline __attribute__((always_inline)) float nc_clamp(float value, float floor, float ceiling) {
    value = value < floor ? floor : value;
    return value > ceiling ? ceiling : value;
}

/// Positions summed in float before the sums go on in double.
enum { NC_BLOCK = 64 };

#endif
