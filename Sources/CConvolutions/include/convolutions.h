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
    /// Floats between the outputs of one column and the next, of rows and of images; 0 where they lie one behind another.
    size_t column_step, row_step, image_step;
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
    /// All positions of all images as one row: a kernel of one tap.
    bool is_flat;
} nc_plan;

/// Plans a convolution for vectors of a number of floats; 0 for the widest of the processor. False if the processor has no
/// such vectors with fused multiply-adds. Chooses Winograd's algorithm for 3×3 kernels of stride 1 with enough channels,
/// independent of the number of images.
bool nc_make_plan(nc_plan *plan, const nc_shape *shape, size_t lanes);

/// The same by the direct algorithm.
bool nc_make_direct_plan(nc_plan *plan, const nc_shape *shape, size_t lanes);

/// Floats of a packed kernel.
size_t nc_packed_floats(const nc_plan *plan);

/// Floats of scratch memory for a run on at most this many images.
size_t nc_scratch_floats(const nc_plan *plan, size_t images);

/// Packs a kernel whose elements are `strides` [output, input, row, column] apart. `packed` is aligned to 64 bytes.
void nc_pack(const nc_plan *plan, const float *kernel, const ptrdiff_t strides[4], float *packed);

/// Convolves `images` maps x into y with a number of threads, including the caller. `scratch` is aligned to 64 bytes.
void nc_convolve(
    const nc_plan *plan, const float *packed, const nc_tail *tail, const float *x, float *y, size_t images, float *scratch,
    size_t threads);

// The same in parts, for threads that the caller has: each calls with its own part below `parts` and its own scratch
// memory. All parts together give the same, however many they are. Parts do not wait for one another.

/// Packs a part of a kernel.
void nc_pack_part(
    const nc_plan *plan, const float *kernel, const ptrdiff_t strides[4], float *packed, size_t part, size_t parts);

/// Computes a part of the outputs.
void nc_convolve_part(
    const nc_plan *plan, const float *packed, const nc_tail *tail, const float *x, float *y, size_t images, float *scratch,
    size_t part, size_t parts);

// The gradient of a kernel, of a direct plan.

/// Floats of scratch memory.
size_t nc_gradient_scratch_floats(const nc_plan *plan);

/// Writes a part of Σ x·dy over the positions of all images as a packed kernel, and adds one of Σ dy to `bias` unless it is
/// NULL.
void nc_weight_gradient_part(
    const nc_plan *plan, const float *x, const float *dy, size_t images, float *packed, float *bias, float *scratch,
    size_t part, size_t parts);

/// Adds a part of a packed kernel to one whose outputs are `stride` floats apart, the inputs' taps one behind another.
void nc_unpack_part(
    const nc_plan *plan, const float *packed, size_t stride, float *kernel, size_t part, size_t parts);

#endif
