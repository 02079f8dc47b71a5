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

/// A filter's mean a and 1/s, s = √(variance + epsilon).
typedef struct {
    double mean, factor;
} filter_moments;

/// Four weights as doubles; a macro, as a function would return them in the registers of one instruction set.
#define LOAD(at)                                       \
    ({                                                 \
        single_quad values_;                           \
        memcpy(&values_, (at), sizeof values_);        \
        __builtin_convertvector(values_, quad);        \
    })

static inline __attribute__((always_inline)) filter_moments moments_of(const float *v, size_t size, double epsilon) {
#pragma STDC FP_CONTRACT OFF
    quad sums = {0}, squares = {0};
    size_t i = 0;
    for (; i + 4 <= size; i += 4) sums += LOAD(v + i);
    for (; i < size; i++) sums[0] += v[i];
    const double mean = SUM(sums) / (double)size;
    for (i = 0; i + 4 <= size; i += 4) {
        const quad offset = LOAD(v + i) - mean;
        squares += offset * offset;
    }
    for (; i < size; i++) squares[0] += (v[i] - mean) * (v[i] - mean);
    return (filter_moments){mean, 1 / __builtin_sqrt(SUM(squares) / (double)size + epsilon)};
}

NC_VECTORIZED
void nc_standardize_rows(float *restrict w, size_t rows, size_t size, double epsilon) {
#pragma STDC FP_CONTRACT OFF
    for (size_t row = 0; row < rows; row++, w += size) {
        const filter_moments own = moments_of(w, size, epsilon);
        for (size_t i = 0; i < size; i++) w[i] = (float)((w[i] - own.mean) * own.factor);
    }
}

NC_VECTORIZED
void nc_standardize_rows_back(
    float *restrict dw, const float *restrict v, size_t rows, size_t size, double epsilon) {
#pragma STDC FP_CONTRACT OFF
    for (size_t row = 0; row < rows; row++, dw += size, v += size) {
        const filter_moments own = moments_of(v, size, epsilon);
        quad plains = {0}, products = {0};
        size_t i = 0;
        for (; i + 4 <= size; i += 4) {
            const quad slope = LOAD(dw + i);
            plains += slope;
            products += slope * (LOAD(v + i) - own.mean);
        }
        for (; i < size; i++) {
            plains[0] += dw[i];
            products[0] += dw[i] * (v[i] - own.mean);
        }
        const double plain = SUM(plains) / (double)size;
        const double product = SUM(products) * own.factor * own.factor / (double)size;
        for (i = 0; i < size; i++)
            dw[i] = (float)((dw[i] - plain - (v[i] - own.mean) * product) * own.factor);
    }
}
