#include "kernels.h"
#include "vectorized.h"

/// The weight and the target of a value behind a rectifier; `here` is what would enter it now.
static inline __attribute__((always_inline)) float nc_fit_weight(float p, float here, int rectifies, float leak) {
    return !rectifies || p > 0 || here > 0 ? 1 : leak;
}

static inline __attribute__((always_inline)) float nc_fit_target(float p, float here, int rectifies) {
    return rectifies && p < 0 && here > 0 ? 0 : p;
}

NC_VECTORIZED
void nc_fit_sums(
    const float *restrict u, const float *restrict p, const float *restrict s, size_t positions, size_t channels,
    const float *restrict mean, const float *restrict factor, const float *restrict gamma,
    const float *restrict beta, int rectifies, float leak, double *restrict sums, float *restrict scratch) {
    float *restrict weight = scratch, *restrict sum_z = weight + channels, *restrict sum_t = sum_z + channels,
                    *restrict zz = sum_t + channels, *restrict zt = zz + channels, *restrict loss = zt + channels,
                    *restrict error = loss + channels, *restrict value = error + channels,
                    *restrict square = value + channels;
    const float floor = rectifies ? 0 : -__builtin_inff();
    for (size_t start = 0; start < positions; start += NC_BLOCK) {
        const size_t end = start + NC_BLOCK < positions ? start + NC_BLOCK : positions;
        for (size_t i = 0; i < NC_FIT_SUMS * channels; i++) scratch[i] = 0;
        for (size_t position = start; position < end; position++) {
            const float *restrict in = u + position * channels, *restrict aim = p + position * channels;
            const float *restrict rest = s ? s + position * channels : 0;
            for (size_t c = 0; c < channels; c++) {
                const float z = (in[c] - mean[c]) * factor[c], other = rest ? rest[c] : 0;
                const float y = gamma[c] * z + beta[c], here = y + other;
                const float w = nc_fit_weight(aim[c], here, rectifies, leak);
                const float t = nc_fit_target(aim[c], here, rectifies) - other;
                weight[c] += w;
                sum_z[c] += w * z;
                sum_t[c] += w * t;
                zz[c] += w * z * z;
                zt[c] += w * z * t;
                loss[c] += w * (y - t) * (y - t);
                const float passed = aim[c] > floor ? aim[c] : floor, now = here > floor ? here : floor;
                error[c] += (now - passed) * (now - passed);
                value[c] += passed;
                square[c] += passed * passed;
            }
        }
        for (size_t i = 0; i < NC_FIT_SUMS * channels; i++) sums[i] += scratch[i];
    }
}

NC_VECTORIZED
void nc_add_fit_gradient(
    const float *restrict y, const float *restrict p, const float *restrict s, float *restrict gradient,
    size_t count, int rectifies, float leak) {
    for (size_t i = 0; i < count; i++) {
        const float other = s ? s[i] : 0, here = y[i] + other;
        gradient[i] +=
            nc_fit_weight(p[i], here, rectifies, leak) * (here - nc_fit_target(p[i], here, rectifies));
    }
}
