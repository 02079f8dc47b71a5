#include "convolver.h"

#include <string.h>

/// Rows, and values of each, that are transposed at once.
enum { NC_SQUARE = 16 };

/// Whether the weights of an output lie one behind another.
static bool has_rows(const nc_shape *s, const ptrdiff_t strides[4]) {
    const ptrdiff_t rows = (ptrdiff_t)s->kernel_rows, columns = (ptrdiff_t)s->kernel_columns;
    return strides[3] == 1 && strides[2] == columns && strides[1] == rows * columns;
}

/// Packs a vector's outputs whose weights lie one behind another, a square at a time.
static void pack_rows(
    const nc_shape *s, const float *kernel, size_t stride, size_t outputs, float *packed, size_t channels) {
    const size_t taps = s->kernel_rows * s->kernel_columns, length = taps * s->inputs;
    float square[NC_SQUARE][NC_SQUARE] = {0};
    for (size_t first = 0, input = 0, tap = 0; first < length; first += NC_SQUARE) {
        const size_t count = nc_min(NC_SQUARE, length - first);
        for (size_t lane = 0; lane < outputs; lane++) {
            const float *from = kernel + lane * stride + first;
            if (count == NC_SQUARE)
                for (size_t i = 0; i < NC_SQUARE; i++) square[i][lane] = from[i];
            else
                for (size_t i = 0; i < count; i++) square[i][lane] = from[i];
        }
        for (size_t i = 0; i < count; i++) {
            memcpy(packed + (tap * s->inputs + input) * channels, square[i], sizeof square[i]);
            if (++tap == taps) tap = 0, input++;
        }
    }
}

/// Packs the outputs of a group for a direct convolution; those beyond the last are zero.
static void pack_group(
    const nc_plan *plan, const float *kernel, const ptrdiff_t strides[4], float *packed, size_t group) {
    const nc_shape *s = &plan->shape;
    const size_t channels = plan->convolver->channels, taps = s->kernel_rows * s->kernel_columns;
    const size_t there = nc_min(channels, s->outputs - group);
    packed += group * taps * s->inputs;
    kernel += (ptrdiff_t)group * strides[0];
    if (has_rows(s, strides) && channels % NC_SQUARE == 0) {
        for (size_t lane = 0; lane < channels; lane += NC_SQUARE)
            pack_rows(
                s, kernel + (ptrdiff_t)lane * strides[0], (size_t)strides[0],
                there > lane ? nc_min(there - lane, NC_SQUARE) : 0, packed + lane, channels);
        return;
    }
    for (size_t input = 0; input < s->inputs; input++)
        for (size_t tap = 0; tap < taps; tap++) {
            const float *from = kernel + (ptrdiff_t)input * strides[1]
                + (ptrdiff_t)(tap / s->kernel_columns) * strides[2] + (ptrdiff_t)(tap % s->kernel_columns) * strides[3];
            float *to = packed + (tap * s->inputs + input) * channels;
            for (size_t lane = 0; lane < there; lane++) to[lane] = from[(ptrdiff_t)lane * strides[0]];
            for (size_t lane = there; lane < channels; lane++) to[lane] = 0;
        }
}

void nc_pack_part(
    const nc_plan *plan, const float *kernel, const ptrdiff_t strides[4], float *packed, size_t part, size_t parts) {
    const size_t channels = plan->convolver->channels;
    const range r = range_of(part, parts, plan->shape.outputs, plan->is_winograd ? NC_WIDEST : channels);
    if (plan->is_winograd) return plan->convolver->transform_kernel(&plan->shape, kernel, strides, packed, r.first, r.end);
    for (size_t group = r.first; group < r.end; group += channels) pack_group(plan, kernel, strides, packed, group);
}

void nc_pack(const nc_plan *plan, const float *kernel, const ptrdiff_t strides[4], float *packed) {
    nc_pack_part(plan, kernel, strides, packed, 0, 1);
}

/// Adds a vector's outputs to rows of weights that lie one behind another, a square at a time.
static void unpack_rows(
    const nc_shape *s, const float *packed, size_t channels, float *kernel, size_t stride, size_t outputs) {
    const size_t taps = s->kernel_rows * s->kernel_columns, length = taps * s->inputs;
    float square[NC_SQUARE][NC_SQUARE];
    for (size_t first = 0, input = 0, tap = 0; first < length; first += NC_SQUARE) {
        const size_t count = nc_min(NC_SQUARE, length - first);
        for (size_t i = 0; i < count; i++) {
            const float *from = packed + (tap * s->inputs + input) * channels;
            for (size_t lane = 0; lane < NC_SQUARE; lane++) square[lane][i] = from[lane];
            if (++tap == taps) tap = 0, input++;
        }
        for (size_t lane = 0; lane < outputs; lane++) {
            float *to = kernel + lane * stride + first;
            if (count == NC_SQUARE)
                for (size_t i = 0; i < NC_SQUARE; i++) to[i] += square[lane][i];
            else
                for (size_t i = 0; i < count; i++) to[i] += square[lane][i];
        }
    }
}

void nc_unpack_part(
    const nc_plan *plan, const float *packed, size_t stride, float *kernel, size_t part, size_t parts) {
    const nc_shape *s = &plan->shape;
    const size_t channels = plan->convolver->channels, taps = s->kernel_rows * s->kernel_columns;
    const range r = range_of(part, parts, s->outputs, NC_SQUARE);
    for (size_t output = r.first; output < r.end; output += NC_SQUARE)
        unpack_rows(
            s, packed + output / channels * channels * taps * s->inputs + output % channels, channels,
            kernel + output * stride, stride, nc_min(NC_SQUARE, r.end - output));
}
