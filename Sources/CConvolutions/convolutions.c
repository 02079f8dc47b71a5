#include "convolver.h"

#include <string.h>

#if defined(__x86_64__)
extern const nc_convolver nc_avx2, nc_avx512;
#elif defined(__aarch64__)
extern const nc_convolver nc_neon;
#endif

/// The convolver for vectors of a number of floats; 0 for the widest of the processor, where AVX-512 is used only if the
/// outputs fill its channels. NULL if there is none.
static const nc_convolver *convolver_of(size_t lanes, size_t outputs) {
#if defined(__x86_64__)
    const bool has_avx512 = __builtin_cpu_supports("avx512f");
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool fits_avx512 = lanes == 0 ? outputs % nc_avx512.channels == 0 : lanes == nc_avx512.lanes;
    if (has_avx512 && fits_avx512) return &nc_avx512;
    if (has_avx2 && (lanes == 0 || lanes == nc_avx2.lanes)) return &nc_avx2;
#elif defined(__aarch64__)
    (void)outputs;
    if (lanes == 0 || lanes == nc_neon.lanes) return &nc_neon;
#else
    (void)lanes, (void)outputs;
#endif
    return NULL;
}

/// Channels that the transforms of all instruction sets take at once.
enum { NC_GRAIN = 32 };

bool nc_make_plan(nc_plan *plan, const nc_shape *s, size_t lanes) {
    const nc_convolver *convolver = convolver_of(lanes, s->outputs);
    if (!convolver) return false;
    const bool is_winograd = s->kernel_rows == 3 && s->kernel_columns == 3 && s->stride_rows == 1 && s->stride_columns == 1
        && s->inputs % NC_GRAIN == 0 && s->outputs % NC_GRAIN == 0 && s->outputs % convolver->channels == 0;
    *plan = (nc_plan){.convolver = convolver, .shape = *s, .is_winograd = is_winograd};
    return true;
}

/// A point's transformed inputs or products for so many tiles. One cache line more, so that the same tile's values of
/// the 36 points do not compete for the same places in the cache.
static size_t point_step(size_t tiles, size_t channels) { return tiles * channels + 16; }

static size_t tile_count(size_t extent) { return (extent + NC_TILE - 1) / NC_TILE; }

/// Tiles of a block at most: few enough for the caches, enough that the transformed kernel is worth reading. A multiple
/// of a strip's positions.
enum { NC_MOST_TILES = 72 };

static size_t all_tiles(const nc_shape *s, size_t images) {
    return images * tile_count(s->output_rows) * tile_count(s->output_columns);
}

/// Tiles of a block, where blocks are of nearly the same size.
static size_t block_tiles(const nc_plan *plan, size_t images) {
    const size_t tiles = all_tiles(&plan->shape, images), blocks = (tiles + NC_MOST_TILES - 1) / NC_MOST_TILES;
    return nc_round_up((tiles + blocks - 1) / blocks, NC_POSITIONS);
}

size_t nc_packed_floats(const nc_plan *plan) {
    const nc_shape *s = &plan->shape;
    const size_t taps = plan->is_winograd ? NC_POINTS : s->kernel_rows * s->kernel_columns;
    return taps * s->inputs * nc_round_up(s->outputs, plan->convolver->channels);
}

size_t nc_scratch_floats(const nc_plan *plan, size_t images) {
    if (!plan->is_winograd) return 0;
    // Fewer images may make a larger block.
    const size_t tiles = nc_round_up(nc_min(all_tiles(&plan->shape, images), NC_MOST_TILES), NC_POSITIONS);
    return NC_POINTS * (point_step(tiles, plan->shape.inputs) + point_step(tiles, plan->shape.outputs));
}

void nc_pack(const nc_plan *plan, const float *kernel, const size_t strides[4], float *packed) {
    const nc_shape *s = &plan->shape;
    if (plan->is_winograd) return plan->convolver->transform_kernel(s, kernel, strides, packed);
    const size_t channels = plan->convolver->channels, taps = s->kernel_rows * s->kernel_columns;
    memset(packed, 0, nc_packed_floats(plan) * sizeof(float));
    for (size_t group = 0; group < s->outputs; group += channels)
        for (size_t tap = 0; tap < taps; tap++)
            for (size_t input = 0; input < s->inputs; input++) {
                const float *from = kernel + group * strides[0] + input * strides[1] + tap / s->kernel_columns * strides[2]
                    + tap % s->kernel_columns * strides[3];
                float *to = packed + ((group * taps + tap * channels) * s->inputs + input * channels);
                for (size_t lane = 0; lane < nc_min(channels, s->outputs - group); lane++)
                    to[lane] = from[lane * strides[0]];
            }
}

// MARK: Running

/// One of several equal ranges of [0, count), in units.
typedef struct {
    size_t first, end;
} range;

static range range_of(size_t index, size_t ranges, size_t count, size_t unit) {
    const size_t units = (count + unit - 1) / unit;
    return (range){nc_min(units * index / ranges * unit, count), nc_min(units * (index + 1) / ranges * unit, count)};
}

/// The shared state of a convolution's threads.
typedef struct {
    const nc_convolver *convolver;
    const nc_shape *shape;
    const float *packed, *x;
    const nc_tail *tail;
    float *y, *transformed, *products;
    size_t images, threads;
    nc_block block;
} job;

static void direct_part(void *context, size_t index) {
    const job *j = context;
    const range r = range_of(index, j->threads, j->shape->outputs, j->convolver->channels);
    if (r.first < r.end) j->convolver->direct(j->shape, j->packed, j->tail, j->x, j->y, j->images, r.first, r.end);
}

static void input_part(void *context, size_t index) {
    const job *j = context;
    const range r = range_of(index, j->threads, j->shape->inputs, NC_GRAIN);
    j->convolver->transform_inputs(&j->block, j->x, j->transformed, r.first, r.end);
}

static void product_part(void *context, size_t index) {
    const job *j = context;
    const range r = range_of(index, j->threads, NC_POINTS, 1);
    j->convolver->multiply(&j->block, j->packed, j->transformed, j->products, r.first, r.end);
}

static void output_part(void *context, size_t index) {
    const job *j = context;
    const range r = range_of(index, j->threads, j->shape->outputs, NC_GRAIN);
    j->convolver->transform_outputs(&j->block, j->products, j->tail, j->y, r.first, r.end);
}

static void convolve_winograd(job *j, const nc_plan *plan, float *scratch) {
    const nc_shape *s = &plan->shape;
    const size_t rows = tile_count(s->output_rows), columns = tile_count(s->output_columns);
    const size_t all = all_tiles(s, j->images), tiles = block_tiles(plan, j->images);
    j->transformed = scratch;
    j->products = scratch + NC_POINTS * point_step(tiles, s->inputs);
    for (size_t first = 0; first < all; first += tiles) {
        j->block = (nc_block){
            .shape = s, .tile_rows = rows, .tile_columns = columns, .first = first, .tiles = nc_min(tiles, all - first),
            .input_step = point_step(tiles, s->inputs), .product_step = point_step(tiles, s->outputs)};
        nc_spread(j->threads, input_part, j);
        nc_spread(j->threads, product_part, j);
        nc_spread(j->threads, output_part, j);
    }
}

void nc_convolve(
    const nc_plan *plan, const float *packed, const nc_tail *tail, const float *x, float *y, size_t images, float *scratch,
    size_t threads) {
    job j = {
        .convolver = plan->convolver, .shape = &plan->shape, .packed = packed, .x = x, .tail = tail, .y = y,
        .images = images, .threads = threads};
    if (plan->is_winograd)
        convolve_winograd(&j, plan, scratch);
    else
        nc_spread(threads, direct_part, &j);
}
