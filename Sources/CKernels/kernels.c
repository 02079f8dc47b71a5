#include "kernels.h"

#include "vectorized.h"

#include <stdint.h>

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

void nc_flush_denormals(void) {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
    uint64_t control;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(control));
    __asm__ __volatile__("msr fpcr, %0" ::"r"(control | (1u << 24)));
#endif
}
