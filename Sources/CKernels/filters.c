#include "filters.h"

#include <string.h>

#include "vectorized.h"

NC_VECTORIZED
void nc_standardize_row(
    float *restrict w, size_t count, double step, const double *restrict shift, const double *restrict scale) {
    for (size_t o = 0; o < count; o++) w[o] = (float)((w[o] - shift[o] * step) * scale[o]);
}

NC_VECTORIZED
void nc_standardize_filter(float *restrict w, size_t count, const double *restrict step, double shift, double scale) {
    // The same numbers on every processor: none rounds once where another rounds twice.
#pragma STDC FP_CONTRACT OFF
    for (size_t i = 0; i < count; i++) w[i] = (float)((w[i] - shift * step[i]) * scale);
}

/// Partial sums that are added up in one order whatever the instruction set.
typedef double quad __attribute__((vector_size(32)));
typedef float single_quad __attribute__((vector_size(16)));

#define SUM(values) ((values)[0] + (values)[1] + (values)[2] + (values)[3])

NC_VECTORIZED
void nc_add_filter(
    const float *restrict w, size_t count, const double *restrict a, const double *restrict q, double *restrict plain,
    double *restrict linear, double *restrict quadratic) {
#pragma STDC FP_CONTRACT OFF
    quad plains = {0}, linears = {0}, quadratics = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        single_quad weights;
        quad as, qs;
        memcpy(&weights, w + i, sizeof weights);
        memcpy(&as, a + i, sizeof as);
        memcpy(&qs, q + i, sizeof qs);
        const quad weight = __builtin_convertvector(weights, quad);
        plains += weight;
        linears += as * weight;
        quadratics += qs * weight * weight;
    }
    for (; i < count; i++) {
        const double weight = w[i];
        plains[0] += weight;
        linears[0] += a[i] * weight;
        quadratics[0] += q[i] * weight * weight;
    }
    *plain += SUM(plains);
    *linear += SUM(linears);
    *quadratic += SUM(quadratics);
}
