// Convolutions of channels-last float maps: direct ones, and Winograd's for 3×3 kernels.
//
// Every output is the same chain of fused multiply-adds wherever it lies in a strip, a block or a batch: results do not
// depend on how many images are run at once, or by how many threads.
#ifndef NORMCONV_CONVOLUTIONS_H
#define NORMCONV_CONVOLUTIONS_H

#include <stdbool.h>
#include <stddef.h>

/// A 2-D convolution of maps [images, rows, columns, inputs] without groups or dilation. Windows begin `top` rows and `left`
/// columns outside the map, and may end outside of it.
typedef struct {
    size_t rows, columns, inputs;
    size_t output_rows, output_columns, outputs;
    size_t kernel_rows, kernel_columns, stride_rows, stride_columns;
    ptrdiff_t top, left;
} nc_shape;

/// Applied to the sums: y = min(max(sum + bias, floor), ceiling). If `accumulates`, the old y is added to the sum. NaN stays
/// NaN.
typedef struct {
    const float *bias;
    bool accumulates;
    float floor, ceiling;
} nc_tail;

/// Kernels for one instruction set.
typedef struct nc_convolver nc_convolver;

/// How a convolution is computed.
typedef struct {
    const nc_convolver *convolver;
    nc_shape shape;
    /// By Winograd's algorithm, with a quarter of the products.
    bool is_winograd;
} nc_plan;

/// Plans a convolution for vectors of a number of floats; 0 for the widest of the processor. False if the processor has no
/// such vectors with fused multiply-adds. Chooses Winograd's algorithm for 3×3 kernels of stride 1 with enough channels,
/// independent of the number of images.
bool nc_make_plan(nc_plan *plan, const nc_shape *shape, size_t lanes);

/// Floats of a packed kernel.
size_t nc_packed_floats(const nc_plan *plan);

/// Floats of scratch memory for a run on at most this many images.
size_t nc_scratch_floats(const nc_plan *plan, size_t images);

/// Packs a kernel whose elements are `strides` [output, input, row, column] apart. `packed` is aligned to 64 bytes.
void nc_pack(const nc_plan *plan, const float *kernel, const size_t strides[4], float *packed);

/// Convolves `images` maps x into y with a number of threads, including the caller. `scratch` is aligned to 64 bytes.
void nc_convolve(
    const nc_plan *plan, const float *packed, const nc_tail *tail, const float *x, float *y, size_t images, float *scratch,
    size_t threads);

#endif
