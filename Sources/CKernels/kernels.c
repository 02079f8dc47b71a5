#include "kernels.h"

#include "vectorized.h"

#include <stdint.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#endif

void nc_forget_overflow(void) {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() & ~0x3Fu);
#elif defined(__aarch64__)
    __asm__ __volatile__("msr fpsr, %0" ::"r"((uint64_t)0));
#endif
}

int nc_overflowed(void) {
#if defined(__x86_64__)
    return (_mm_getcsr() & 0x0D) != 0;
#elif defined(__aarch64__)
    uint64_t status;
    __asm__ __volatile__("mrs %0, fpsr" : "=r"(status));
    return (status & 0x07) != 0;
#else
    return 0;
#endif
}

void nc_tell_overflow(void) {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x08);
#elif defined(__aarch64__)
    __asm__ __volatile__("msr fpsr, %0" ::"r"((uint64_t)0x04));
#endif
}

/// Positions, spread over the map, whose average is a channel's pivot.
enum { NC_PIVOT_SAMPLES = 8 };

NC_VECTORIZED
static void nc_quick_moments(
    const float *restrict x, size_t positions, size_t channels, double *restrict mean, double *restrict squares,
    float *restrict scratch) {
    float *restrict pivot = scratch, *restrict sum = scratch + channels, *restrict square = scratch + 2 * channels;
    const size_t samples = positions < NC_PIVOT_SAMPLES ? positions : NC_PIVOT_SAMPLES;
    const size_t step = positions / samples;
    for (size_t c = 0; c < channels; c++) pivot[c] = 0;
    for (size_t s = 0; s < samples; s++)
        for (size_t c = 0; c < channels; c++) pivot[c] += x[s * step * channels + c];
    for (size_t c = 0; c < channels; c++) {
        pivot[c] /= (float)samples;
        mean[c] = squares[c] = 0;
    }
    for (size_t start = 0; start < positions; start += NC_BLOCK) {
        const size_t end = start + NC_BLOCK < positions ? start + NC_BLOCK : positions;
        for (size_t c = 0; c < channels; c++) sum[c] = square[c] = 0;
        for (size_t p = start; p < end; p++) {
            const float *restrict row = x + p * channels;
            for (size_t c = 0; c < channels; c++) {
                const float d = row[c] - pivot[c];
                sum[c] += d;
                square[c] += d * d;
            }
        }
        for (size_t c = 0; c < channels; c++) {
            mean[c] += sum[c];
            squares[c] += square[c];
        }
    }
    const double inverse = 1.0 / (double)positions;
    for (size_t c = 0; c < channels; c++) {
        const double shifted = mean[c] * inverse, rest = squares[c] - shifted * mean[c];
        mean[c] = (double)pivot[c] + shifted;
        squares[c] = rest > 0 || rest != rest ? rest : 0;
    }
}

/// All in double, two passes.
static void nc_exact_moments(const float *x, size_t positions, size_t channels, double *mean, double *squares) {
    for (size_t c = 0; c < channels; c++) {
        mean[c] = squares[c] = 0;
        for (size_t p = 0; p < positions; p++) mean[c] += x[p * channels + c];
        mean[c] /= (double)positions;
        for (size_t p = 0; p < positions; p++) {
            const double d = x[p * channels + c] - mean[c];
            squares[c] += d * d;
        }
    }
}

void nc_channel_moments(
    const float *x, size_t positions, size_t channels, double *mean, double *squares, float *scratch) {
    const int overflowed = nc_overflowed();
    nc_quick_moments(x, positions, channels, mean, squares, scratch);
    double zero = 0;
    for (size_t c = 0; c < channels; c++) zero += (mean[c] - mean[c]) + (squares[c] - squares[c]);
    if (zero == 0) return;
    // Squares of floats end at 1.8e19: what overflowed so is not told.
    if (!overflowed) nc_forget_overflow();
    nc_exact_moments(x, positions, channels, mean, squares);
}

/// NaN stays NaN: both comparisons are false for it.
static inline __attribute__((always_inline)) float nc_clamp(float value, float floor, float ceiling) {
    value = value < floor ? floor : value;
    return value > ceiling ? ceiling : value;
}

NC_VECTORIZED
void nc_normalize(
    const float *x, const float *residual, float *y, size_t positions, size_t channels, const float *restrict mean,
    const float *restrict scale, const float *restrict shift, float floor, float ceiling) {
    for (size_t p = 0; p < positions; p++) {
        const float *in = x + p * channels, *rest = residual ? residual + p * channels : 0;
        float *out = y + p * channels;
        if (rest) {
#pragma clang loop vectorize(assume_safety)
            for (size_t c = 0; c < channels; c++)
                out[c] = nc_clamp((in[c] - mean[c]) * scale[c] + shift[c] + rest[c], floor, ceiling);
        } else {
#pragma clang loop vectorize(assume_safety)
            for (size_t c = 0; c < channels; c++)
                out[c] = nc_clamp((in[c] - mean[c]) * scale[c] + shift[c], floor, ceiling);
        }
    }
}

NC_VECTORIZED
void nc_add(const float *a, const float *b, float *y, size_t count, float floor, float ceiling) {
    if (b) {
#pragma clang loop vectorize(assume_safety)
        for (size_t i = 0; i < count; i++) y[i] = nc_clamp(a[i] + b[i], floor, ceiling);
    } else {
#pragma clang loop vectorize(assume_safety)
        for (size_t i = 0; i < count; i++) y[i] = nc_clamp(a[i], floor, ceiling);
    }
}

NC_VECTORIZED
void nc_maximum(const float *restrict x, float *restrict y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
}

NC_VECTORIZED
void nc_accumulate(const float *restrict x, float *restrict y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] += x[i];
}

NC_VECTORIZED
void nc_scale(float *restrict y, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] *= factor;
}

NC_VECTORIZED
void nc_add_filter_sums(
    const float *restrict w, size_t count, double a, double q, double *restrict plain, double *restrict linear,
    double *restrict quadratic) {
    for (size_t o = 0; o < count; o++) {
        const double weight = w[o];
        plain[o] += weight;
        linear[o] += a * weight;
        quadratic[o] += q * weight * weight;
    }
}

NC_VECTORIZED
void nc_standardize(
    const float *restrict w, float *restrict y, size_t count, double step, const double *restrict shift,
    const double *restrict scale) {
    for (size_t o = 0; o < count; o++) y[o] = (float)((w[o] - shift[o] * step) * scale[o]);
}

void nc_flush_denormals(void) {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
    uint64_t control;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(control));
    __asm__ __volatile__("msr fpcr, %0" ::"r"(control | (1u << 24)));
#endif
}

void nc_keep_freed_memory(void) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}
