#include "kernels.h"

#include <string.h>

#include "vectorized.h"

/// Eight channels at a time: left to itself, the compiler does not keep nine sums for each in registers.
typedef float nc_floats __attribute__((vector_size(32)));
typedef int nc_mask8 __attribute__((vector_size(32)));
enum { NC_LANES = 8 };

// Vectors go through memory and macros: as arguments and results they would need AVX in every version.
#define NC_INLINE static inline __attribute__((always_inline))
#define NC_SELECT(mask, yes, no) ((nc_floats)(((mask) & (nc_mask8)(yes)) | (~(mask) & (nc_mask8)(no))))

/// Reads at most eight values; what is beyond `count` is zero.
NC_INLINE void nc_load(nc_floats *target, const float *x, size_t count) {
    *target = (nc_floats){0};
    memcpy(target, x, (count < NC_LANES ? count : NC_LANES) * sizeof *x);
}

/// The weight and the target of values behind a ReLU; `here` is what would enter it now.
NC_INLINE void nc_aim(
    nc_floats *weight, nc_floats *target, const nc_floats *p, const nc_floats *here, int hasReLU, float leak) {
    const nc_floats zero = {0}, one = zero + 1, little = zero + leak;
    const nc_mask8 wanted = *p > zero, passes = *here > zero;
    *weight = hasReLU ? NC_SELECT(wanted | passes, one, little) : one;
    *target = hasReLU ? NC_SELECT(~wanted & passes, zero, *p) : *p;
}

/// Adds up some positions of `count` channels, at most eight.
NC_INLINE void nc_fit_tile(
    const float *u, const float *p, const float *s, size_t positions, size_t channels, size_t count,
    const float *mean, const float *factor, const float *gamma, const float *beta, int hasReLU, float leak,
    double *sums) {
    const nc_floats zero = {0};
    nc_floats weight = zero, sum_z = zero, sum_t = zero, zz = zero, zt = zero, loss = zero, error = zero,
              value = zero, square = zero, m, f, g, b;
    nc_load(&m, mean, count);
    nc_load(&f, factor, count);
    nc_load(&g, gamma, count);
    nc_load(&b, beta, count);
    for (size_t place = 0; place < positions * channels; place += channels) {
        nc_floats x, aim, other = zero, w, t;
        nc_load(&x, u + place, count);
        nc_load(&aim, p + place, count);
        if (s) nc_load(&other, s + place, count);
        const nc_floats z = (x - m) * f, y = g * z + b, here = y + other;
        nc_aim(&w, &t, &aim, &here, hasReLU, leak);
        t -= other;
        const nc_floats off = y - t, wz = w * z;
        weight += w;
        sum_z += wz;
        sum_t += w * t;
        zz += wz * z;
        zt += wz * t;
        loss += w * off * off;
        const nc_floats passed = hasReLU ? NC_SELECT(aim > zero, aim, zero) : aim;
        const nc_floats gap = (hasReLU ? NC_SELECT(here > zero, here, zero) : here) - passed;
        error += gap * gap;
        value += passed;
        square += passed * passed;
    }
    const nc_floats all[NC_FIT_SUMS] = {weight, sum_z, sum_t, zz, zt, loss, error, value, square};
    for (size_t which = 0; which < NC_FIT_SUMS; which++)
        for (size_t c = 0; c < count; c++) sums[which * channels + c] += all[which][c];
}

NC_VECTORIZED
void nc_fit_sums(
    const float *u, const float *p, const float *s, size_t positions, size_t channels, const float *mean,
    const float *factor, const float *gamma, const float *beta, int hasReLU, float leak, double *sums) {
    for (size_t start = 0; start < positions; start += NC_BLOCK) {
        const size_t rows = positions - start < NC_BLOCK ? positions - start : NC_BLOCK;
        for (size_t c = 0; c < channels; c += NC_LANES) {
            const size_t first = start * channels + c, count = channels - c;
            const float *rest = s ? s + first : 0;
            if (count >= NC_LANES)
                nc_fit_tile(
                    u + first, p + first, rest, rows, channels, NC_LANES, mean + c, factor + c, gamma + c, beta + c,
                    hasReLU, leak, sums + c);
            else
                nc_fit_tile(
                    u + first, p + first, rest, rows, channels, count, mean + c, factor + c, gamma + c, beta + c,
                    hasReLU, leak, sums + c);
        }
    }
}

NC_VECTORIZED
void nc_add_fit_gradient(
    const float *y, const float *p, const float *s, float *gradient, size_t count, int hasReLU, float leak) {
    for (size_t i = 0; i < count; i += NC_LANES) {
        const size_t rest = count - i;
        nc_floats here, aim, other = {0}, sum, weight, target;
        nc_load(&here, y + i, rest);
        nc_load(&aim, p + i, rest);
        nc_load(&sum, gradient + i, rest);
        if (s) nc_load(&other, s + i, rest);
        here += other;
        nc_aim(&weight, &target, &aim, &here, hasReLU, leak);
        sum += weight * (here - target);
        memcpy(gradient + i, &sum, (rest < NC_LANES ? rest : NC_LANES) * sizeof *gradient);
    }
}
