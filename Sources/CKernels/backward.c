#include "kernels.h"
#include "vectorized.h"

NC_VECTORIZED
void nc_gradient_sums(
    const float *restrict x, const float *restrict dy, size_t positions, size_t channels,
    const float *restrict mean, double *restrict plain, double *restrict products, float *restrict scratch) {
    float *restrict sum = scratch, *restrict product = scratch + channels;
    for (size_t c = 0; c < channels; c++) plain[c] = products[c] = 0;
    for (size_t start = 0; start < positions; start += NC_BLOCK) {
        const size_t end = start + NC_BLOCK < positions ? start + NC_BLOCK : positions;
        for (size_t c = 0; c < channels; c++) sum[c] = product[c] = 0;
        for (size_t p = start; p < end; p++) {
            const float *restrict in = x + p * channels, *restrict row = dy + p * channels;
            for (size_t c = 0; c < channels; c++) {
                sum[c] += row[c];
                product[c] += row[c] * (in[c] - mean[c]);
            }
        }
        for (size_t c = 0; c < channels; c++) {
            plain[c] += sum[c];
            products[c] += product[c];
        }
    }
}

NC_VECTORIZED
void nc_add_norm_gradient(
    const float *restrict x, const float *restrict dy, float *restrict dx, size_t positions, size_t channels,
    const float *restrict mean, const float *restrict direct, const float *restrict slope,
    const float *restrict offset) {
    for (size_t p = 0; p < positions; p++) {
        const float *restrict in = x + p * channels, *restrict row = dy + p * channels;
        float *restrict out = dx + p * channels;
        for (size_t c = 0; c < channels; c++)
            out[c] += direct[c] * row[c] + slope[c] * (in[c] - mean[c]) + offset[c];
    }
}

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
