// Normalization: moments of channels, what a group's are worth to each of its channels, and the affine.
#include "kernels.h"

#include "vectorized.h"

#include <math.h>

/// Positions, spread over the map, whose average is a channel's pivot.
enum { NC_PIVOT_SAMPLES = 8 };

NC_VECTORIZED
void nc_begin_moments(
    const float *restrict x, size_t positions, size_t channels, float *restrict pivot, double *restrict sums,
    double *restrict squares) {
    const size_t samples = positions < NC_PIVOT_SAMPLES ? positions : NC_PIVOT_SAMPLES;
    const size_t step = positions / samples;
    for (size_t c = 0; c < channels; c++) pivot[c] = 0;
    for (size_t s = 0; s < samples; s++)
        for (size_t c = 0; c < channels; c++) pivot[c] += x[s * step * channels + c];
    for (size_t c = 0; c < channels; c++) {
        pivot[c] /= (float)samples;
        sums[c] = squares[c] = 0;
    }
}

NC_VECTORIZED
static void nc_sum_moments(
    const float *restrict x, size_t positions, size_t channels, const float *restrict pivot, double *restrict sums,
    double *restrict squares, float *restrict scratch) {
    float *restrict sum = scratch, *restrict square = scratch + channels;
    for (size_t start = 0; start < positions; start += NC_BLOCK) {
        const size_t end = start + NC_BLOCK < positions ? start + NC_BLOCK : positions;
        for (size_t c = 0; c < channels; c++) sum[c] = square[c] = 0;
        size_t p = start;
        // Four at a time: the sums then pass between memory and registers a quarter as often.
        for (; p + 4 <= end; p += 4) {
            const float *restrict row = x + p * channels;
            for (size_t c = 0; c < channels; c++) {
                const float k = pivot[c], d0 = row[c] - k, d1 = row[channels + c] - k, d2 = row[2 * channels + c] - k;
                const float d3 = row[3 * channels + c] - k;
                sum[c] += (d0 + d1) + (d2 + d3);
                square[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
            }
        }
        for (; p < end; p++) {
            const float *restrict row = x + p * channels;
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
}

int nc_add_moments(
    const float *x, size_t positions, size_t channels, const float *pivot, double *sums, double *squares, float *scratch) {
    const int overflowed = nc_overflowed();
    nc_sum_moments(x, positions, channels, pivot, sums, squares, scratch);
    if (overflowed) {
        // Of what is told already these sums are seldom the cause; where they are, they are not finite.
        double zero = 0;
        for (size_t c = 0; c < channels; c++) zero += (sums[c] - sums[c]) + (squares[c] - squares[c]);
        return zero != 0;
    }
    if (!nc_overflowed()) return 0;
    nc_forget_overflow();
    return 1;
}

NC_VECTORIZED
void nc_finish_moments(
    size_t positions, size_t channels, const float *restrict pivot, double *restrict sums, double *restrict squares) {
    const double inverse = 1.0 / (double)positions;
    for (size_t c = 0; c < channels; c++) {
        const double shifted = sums[c] * inverse, rest = squares[c] - shifted * sums[c];
        sums[c] = (double)pivot[c] + shifted;
        squares[c] = rest > 0 || rest != rest ? rest : 0;
    }
}

void nc_exact_moments(const float *x, size_t positions, size_t channels, double *mean, double *squares) {
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
    nc_begin_moments(x, positions, channels, scratch, mean, squares);
    const int overflowed = nc_add_moments(x, positions, channels, scratch, mean, squares, scratch + channels);
    if (overflowed)
        nc_exact_moments(x, positions, channels, mean, squares);
    else
        nc_finish_moments(positions, channels, scratch, mean, squares);
}

void nc_group_moments(
    const double *mean, const double *squares, size_t positions, size_t members, double epsilon, double *center,
    double *factor) {
    double average = 0, sum = 0;
    for (size_t c = 0; c < members; c++) average += mean[c];
    average /= (double)members;
    for (size_t c = 0; c < members; c++) {
        const double offset = mean[c] - average;
        sum += squares[c] + (double)positions * offset * offset;
    }
    *center = average;
    *factor = 1 / sqrt(sum / (double)(positions * members) + epsilon);
}

void nc_group_coefficients(
    const double *mean, const double *squares, size_t positions, size_t channels, size_t groups, double epsilon,
    const float *gamma, const float *beta, float *restrict coefficients) {
    const size_t members = channels / groups;
    float *restrict center = coefficients, *restrict scale = coefficients + channels, *restrict shift = scale + channels;
    for (size_t start = 0; start < channels; start += members) {
        double average, factor;
        nc_group_moments(mean + start, squares + start, positions, members, epsilon, &average, &factor);
        // The scale would be a denormal, which is zero here.
        if (factor < 1e-37) nc_tell_overflow();
        // What rounding the mean to float leaves over goes into the shift.
        const double rest = average - (double)(float)average;
        for (size_t c = start; c < start + members; c++) {
            const double slope = gamma[c] * factor;
            center[c] = (float)average;
            scale[c] = (float)slope;
            shift[c] = (float)(beta[c] - rest * slope);
        }
    }
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
