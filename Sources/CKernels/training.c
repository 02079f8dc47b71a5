// Norms of whole batches, forwards and back, in parts: ranges of channels for sums, ranges of positions for maps.
#include "kernels.h"
#include "vectorized.h"

/// Channels whose sums are in registers at once.
enum { NC_SPAN = 64 };

/// The block's sums of x − pivot and of its squares, for up to NC_SPAN channels.
static inline __attribute__((always_inline)) void span_moments(
    const float *x, size_t positions, size_t stride, size_t channels, const float *pivot, double *sums, double *squares) {
    float sum[NC_SPAN] = {0}, square[NC_SPAN] = {0};
    for (size_t p = 0; p < positions; p++) {
        const float *row = x + p * stride;
        for (size_t c = 0; c < channels; c++) {
            const float d = row[c] - pivot[c];
            sum[c] += d;
            square[c] += d * d;
        }
    }
    for (size_t c = 0; c < channels; c++) {
        sums[c] += sum[c];
        squares[c] += square[c];
    }
}

static void exact_moments(
    const float *x, size_t positions, size_t stride, size_t channels, double *mean, double *squares) {
    for (size_t c = 0; c < channels; c++) {
        mean[c] = squares[c] = 0;
        for (size_t p = 0; p < positions; p++) mean[c] += x[p * stride + c];
        mean[c] /= (double)positions;
        for (size_t p = 0; p < positions; p++) {
            const double d = x[p * stride + c] - mean[c];
            squares[c] += d * d;
        }
    }
}

NC_VECTORIZED
void nc_map_moments(
    const float *restrict x, size_t positions, size_t stride, size_t channels, double *restrict mean,
    double *restrict squares) {
    const size_t samples = positions < 8 ? positions : 8, step = positions / samples;
    for (size_t first = 0; first < channels; first += NC_SPAN) {
        const size_t count = channels - first < NC_SPAN ? channels - first : NC_SPAN;
        const float *own = x + first;
        float pivot[NC_SPAN] = {0};
        double *restrict sums = mean + first, *restrict square = squares + first;
        for (size_t s = 0; s < samples; s++)
            for (size_t c = 0; c < count; c++) pivot[c] += own[s * step * stride + c];
        for (size_t c = 0; c < count; c++) {
            pivot[c] /= (float)samples;
            sums[c] = square[c] = 0;
        }
        for (size_t start = 0; start < positions; start += NC_BLOCK) {
            const size_t block = positions - start < NC_BLOCK ? positions - start : NC_BLOCK;
            if (count == NC_SPAN)
                span_moments(own + start * stride, block, stride, NC_SPAN, pivot, sums, square);
            else
                span_moments(own + start * stride, block, stride, count, pivot, sums, square);
        }
        double zero = 0;
        for (size_t c = 0; c < count; c++) zero += (sums[c] - sums[c]) + (square[c] - square[c]);
        if (zero != 0) {
            // Squares overflowed in float.
            exact_moments(own, positions, stride, count, sums, square);
            continue;
        }
        const double inverse = 1.0 / (double)positions;
        for (size_t c = 0; c < count; c++) {
            const double shifted = sums[c] * inverse, rest = square[c] - shifted * sums[c];
            sums[c] = (double)pivot[c] + shifted;
            square[c] = rest > 0 || rest != rest ? rest : 0;
        }
    }
}

static inline __attribute__((always_inline)) void span_sums(
    const float *x, const float *y, float *dy, size_t positions, size_t stride, size_t channels, const float *mean,
    float floor, float ceiling, double *plain, double *products) {
    float sum[NC_SPAN] = {0}, product[NC_SPAN] = {0};
    for (size_t p = 0; p < positions; p++) {
        const float *restrict in = x + p * stride;
        float *restrict row = dy + p * stride;
        if (y) {
            const float *restrict out = y + p * stride;
            for (size_t c = 0; c < channels; c++) row[c] = out[c] > floor && out[c] < ceiling ? row[c] : 0;
        }
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

NC_VECTORIZED
void nc_map_gradient_sums(
    const float *restrict x, const float *restrict y, float *restrict dy, size_t positions, size_t stride, size_t channels,
    const float *restrict mean, float floor, float ceiling, double *restrict plain, double *restrict products) {
    for (size_t c = 0; c < channels; c++) plain[c] = products[c] = 0;
    for (size_t first = 0; first < channels; first += NC_SPAN) {
        const size_t count = channels - first < NC_SPAN ? channels - first : NC_SPAN;
        for (size_t start = 0; start < positions; start += NC_BLOCK) {
            const size_t block = positions - start < NC_BLOCK ? positions - start : NC_BLOCK, at = start * stride + first;
            const float *out = y ? y + at : 0;
            if (count == NC_SPAN)
                span_sums(
                    x + at, out, dy + at, block, stride, NC_SPAN, mean + first, floor, ceiling, plain + first, products + first);
            else
                span_sums(
                    x + at, out, dy + at, block, stride, count, mean + first, floor, ceiling, plain + first, products + first);
        }
    }
}

#define NC_EACH(value)                                                                  \
    for (size_t p = 0; p < positions; p++) {                                            \
        const float *restrict in = x + p * channels, *restrict row = dy + p * channels; \
        float *restrict to = dx + p * channels;                                         \
        for (size_t c = 0; c < channels; c++) to[c] = (value);                          \
    }

NC_VECTORIZED
void nc_norm_gradient(
    const float *restrict x, const float *restrict dy, float *restrict dx, size_t positions, size_t channels,
    const float *restrict mean, const float *restrict direct, const float *restrict slope,
    const float *restrict offset, int adds) {
    if (adds)
        NC_EACH(to[c] + direct[c] * row[c] + slope[c] * (in[c] - mean[c]) + offset[c])
    else
        NC_EACH(direct[c] * row[c] + slope[c] * (in[c] - mean[c]) + offset[c])
}

NC_VECTORIZED
void nc_scale_gradient(
    const float *y, const float *dy, float *dx, size_t positions, size_t channels, const float *restrict scale,
    float floor, float ceiling, int adds) {
    for (size_t p = 0; p < positions; p++) {
        const float *out = y ? y + p * channels : 0, *row = dy + p * channels;
        float *to = dx + p * channels;
#pragma clang loop vectorize(assume_safety)
        for (size_t c = 0; c < channels; c++) {
            const float own = !out || (out[c] > floor && out[c] < ceiling) ? scale[c] * row[c] : 0;
            to[c] = adds ? to[c] + own : own;
        }
    }
}

NC_VECTORIZED
void nc_mask_both(const float *restrict y, float *restrict dy, float *restrict dx, size_t count, float floor, float ceiling, int adds) {
    if (adds)
        for (size_t i = 0; i < count; i++) {
            const float own = y[i] > floor && y[i] < ceiling ? dy[i] : 0;
            dy[i] = own;
            dx[i] += own;
        }
    else
        for (size_t i = 0; i < count; i++) {
            const float own = y[i] > floor && y[i] < ceiling ? dy[i] : 0;
            dy[i] = own;
            dx[i] = own;
        }
}
