// Private: what an instruction set's kernels look like to the code around them.
#ifndef NORMCONV_CONVOLVER_H
#define NORMCONV_CONVOLVER_H

#include "convolutions.h"

/// Tiles of 4×4 outputs, each from 6×6 inputs: F(4×4, 3×3), 36 products instead of 144.
enum { NC_TILE = 4, NC_PATCH = 6, NC_POINTS = NC_PATCH * NC_PATCH };

/// Floats of the widest vector: Winograd's channels are shared among threads in multiples of it.
enum { NC_WIDEST = 16 };

/// Positions whose products a kernel's gradient sums in registers, before they are added to what is in memory.
enum { NC_SUMMED = 128 };

/// A block of tiles, the same for all threads. `tiles` of them begin with `first`; images' tiles follow one another.
typedef struct {
    const nc_shape *shape;
    size_t tile_rows, tile_columns, first, tiles;
    /// Floats from one of the 36 points to the next of the transformed inputs and of the products.
    size_t input_step, product_step;
} nc_block;

struct nc_convolver {
    /// Floats of a vector, output channels that are packed together, and positions whose sums are in registers at once.
    size_t lanes, channels, positions;
    /// Units of work of a direct convolution: blocks of positions, each for a group of channels.
    size_t (*direct_units)(const nc_shape *shape, size_t images);
    /// The units [first, end) of a direct convolution.
    void (*direct)(
        const nc_shape *shape, const float *packed, const nc_tail *tail, const float *x, float *y, size_t images,
        size_t first, size_t end);
    /// The inputs [first, end) of a block's tiles, transformed.
    void (*transform_inputs)(const nc_block *block, const float *x, float *v, size_t first, size_t end);
    /// Products of the transformed inputs with the transformed kernel, for the points [first, end).
    void (*multiply)(const nc_block *block, const float *u, const float *v, float *m, size_t first, size_t end);
    /// The outputs [first, end) of a block's tiles.
    void (*transform_outputs)(
        const nc_block *block, const float *m, const nc_tail *tail, float *y, size_t first, size_t end);
    /// A kernel for the outputs [first, end), transformed in double.
    void (*transform_kernel)(
        const nc_shape *shape, const float *kernel, const ptrdiff_t strides[4], float *u, size_t first, size_t end);
    /// The units [first, end) of a kernel's gradient: a strip of at most `positions` inputs of a tap for a group of
    /// `channels` outputs.
    void (*weight_gradient)(
        const nc_shape *shape, const float *x, const float *dy, size_t images, float *dw, float *bias, float *scratch,
        size_t first, size_t end);
};

/// Runs `body(context, index)` for each index below `count`, each on a thread of its own where there is OpenMP.
void nc_spread(size_t count, void (*body)(void *context, size_t index), void *context);

static inline size_t nc_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t nc_round_up(size_t a, size_t unit) { return (a + unit - 1) / unit * unit; }

/// How `count` things are cut into strips of nearly the same length, at most `most`.
typedef struct {
    size_t strips, length;
} nc_strips;

static inline nc_strips nc_strips_of(size_t count, size_t most) {
    const size_t strips = (count + most - 1) / most;
    return (nc_strips){strips, (count + strips - 1) / strips};
}

/// One of several equal ranges of [0, count), in units.
typedef struct {
    size_t first, end;
} range;

static inline range range_of(size_t index, size_t ranges, size_t count, size_t unit) {
    const size_t units = (count + unit - 1) / unit;
    return (range){nc_min(units * index / ranges * unit, count), nc_min(units * (index + 1) / ranges * unit, count)};
}

#endif
