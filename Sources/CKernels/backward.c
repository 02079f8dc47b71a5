#include "kernels.h"
#include "vectorized.h"

NC_VECTORIZED
void nc_mask(const float *restrict y, float *restrict dy, size_t count, float floor, float ceiling) {
    for (size_t i = 0; i < count; i++) dy[i] = y[i] > floor && y[i] < ceiling ? dy[i] : 0;
}

NC_VECTORIZED
void nc_add_scaled(const float *restrict x, float *restrict y, size_t count, float factor) {
    for (size_t i = 0; i < count; i++) y[i] += factor * x[i];
}

NC_VECTORIZED
void nc_add_maximum_gradient(
    const float *restrict x, const float *restrict y, const float *restrict dy, float *restrict dx,
    float *restrict open, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const float hit = x[i] == y[i] ? open[i] : 0;
        dx[i] += hit * dy[i];
        open[i] -= hit;
    }
}

NC_VECTORIZED
void nc_adam(
    float *restrict w, const float *restrict g, float *restrict m, float *restrict v, size_t count,
    float gradient_scale, float kept, float rate, float beta1, float beta2, float correction, float epsilon) {
    for (size_t i = 0; i < count; i++) {
        const float gradient = g[i] * gradient_scale;
        m[i] = beta1 * m[i] + (1 - beta1) * gradient;
        v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
        w[i] = kept * w[i] - rate * m[i] / (__builtin_sqrtf(v[i] * correction) + epsilon);
    }
}

NC_VECTORIZED
void nc_sgd(
    float *restrict w, const float *restrict g, float *restrict m, size_t count, float gradient_scale, float rate,
    float momentum, float decay) {
    for (size_t i = 0; i < count; i++) {
        m[i] = momentum * m[i] + g[i] * gradient_scale + decay * w[i];
        w[i] -= rate * m[i];
    }
}

NC_VECTORIZED
double nc_sum_of_squares(const float *restrict x, size_t count) {
#pragma STDC FP_CONTRACT OFF
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (size_t k = 0; k < 8; k++) sums[k] += (double)x[i + k] * x[i + k];
    for (; i < count; i++) sums[0] += (double)x[i] * x[i];
    double total = 0;
    for (size_t k = 0; k < 8; k++) total += sums[k];
    return total;
}
