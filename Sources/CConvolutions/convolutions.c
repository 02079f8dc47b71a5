#include "convolver.h"

#include <string.h>

#if defined(__x86_64__)
extern const nc_convolver nc_avx2, nc_avx512, nc_avx512_pairs, nc_avx512_single;
#elif defined(__aarch64__)
extern const nc_convolver nc_neon;
#endif

#if defined(__x86_64__)
/// The convolver of AVX-512 whose channels the outputs fill; NULL where they fill none.
static const nc_convolver *filled_avx512(size_t outputs) {
    if (outputs % nc_avx512.channels == 0) return &nc_avx512;
    if (outputs % nc_avx512_pairs.channels == 0) return &nc_avx512_pairs;
    return outputs % nc_avx512_single.channels == 0 ? &nc_avx512_single : NULL;
}
#endif

/// The convolver for vectors of a number of floats; 0 for the widest of the processor, where AVX-512 is used only if the
/// outputs fill its channels. NULL if there is none.
static const nc_convolver *convolver_of(size_t lanes, size_t outputs) {
#if defined(__x86_64__)
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (__builtin_cpu_supports("avx512f") && (lanes == 0 || lanes == nc_avx512.lanes)) {
        const nc_convolver *filled = filled_avx512(outputs);
        if (filled) return filled;
        if (lanes != 0) return &nc_avx512;
    }
    if (has_avx2 && (lanes == 0 || lanes == nc_avx2.lanes)) return &nc_avx2;
#elif defined(__aarch64__)
    (void)outputs;
    if (lanes == 0 || lanes == nc_neon.lanes) return &nc_neon;
#else
    (void)lanes, (void)outputs;
#endif
    return NULL;
}

/// The shape with the steps between outputs that lie one behind another filled in.
static nc_shape with_steps(const nc_shape *s) {
    nc_shape shape = *s;
    if (shape.column_step == 0) shape.column_step = shape.outputs;
    if (shape.row_step == 0) shape.row_step = shape.output_columns * shape.column_step;
    if (shape.image_step == 0) shape.image_step = shape.output_rows * shape.row_step;
    return shape;
}

static bool is_dense(const nc_shape *s) {
    return s->column_step == s->outputs && s->row_step == s->output_columns * s->outputs
        && s->image_step == s->output_rows * s->row_step;
}

bool nc_make_direct_plan(nc_plan *plan, const nc_shape *s, size_t lanes) {
    const nc_convolver *convolver = convolver_of(lanes, s->outputs);
    if (!convolver) return false;
    *plan = (nc_plan){.convolver = convolver, .shape = with_steps(s)};
    plan->is_flat = s->kernel_rows == 1 && s->kernel_columns == 1 && s->stride_rows == 1 && s->stride_columns == 1
        && s->top == 0 && s->left == 0 && s->output_rows == s->rows && s->output_columns == s->columns
        && is_dense(&plan->shape);
    return true;
}

bool nc_make_plan(nc_plan *plan, const nc_shape *s, size_t lanes) {
    if (!nc_make_direct_plan(plan, s, lanes)) return false;
    plan->is_winograd = s->kernel_rows == 3 && s->kernel_columns == 3 && s->stride_rows == 1 && s->stride_columns == 1
        && s->inputs % NC_WIDEST == 0 && s->outputs % NC_WIDEST == 0 && s->outputs % plan->convolver->channels == 0
        && is_dense(&plan->shape);
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
    return nc_round_up((tiles + blocks - 1) / blocks, plan->convolver->positions);
}

size_t nc_packed_floats(const nc_plan *plan) {
    const nc_shape *s = &plan->shape;
    const size_t taps = plan->is_winograd ? NC_POINTS : s->kernel_rows * s->kernel_columns;
    return taps * s->inputs * nc_round_up(s->outputs, plan->convolver->channels);
}

size_t nc_scratch_floats(const nc_plan *plan, size_t images) {
    if (!plan->is_winograd) return 0;
    // Fewer images may make a larger block.
    const size_t tiles = nc_round_up(nc_min(all_tiles(&plan->shape, images), NC_MOST_TILES), plan->convolver->positions);
    return NC_POINTS * (point_step(tiles, plan->shape.inputs) + point_step(tiles, plan->shape.outputs));
}

// MARK: Running

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
    const range r = range_of(index, j->threads, j->convolver->direct_units(j->shape, j->images), 1);
    j->convolver->direct(j->shape, j->packed, j->tail, j->x, j->y, j->images, r.first, r.end);
}

static void input_part(void *context, size_t index) {
    const job *j = context;
    const range r = range_of(index, j->threads, j->shape->inputs, NC_WIDEST);
    j->convolver->transform_inputs(&j->block, j->x, j->transformed, r.first, r.end);
}

static void product_part(void *context, size_t index) {
    const job *j = context;
    const range r = range_of(index, j->threads, NC_POINTS, 1);
    j->convolver->multiply(&j->block, j->packed, j->transformed, j->products, r.first, r.end);
}

static void output_part(void *context, size_t index) {
    const job *j = context;
    const range r = range_of(index, j->threads, j->shape->outputs, NC_WIDEST);
    j->convolver->transform_outputs(&j->block, j->products, j->tail, j->y, r.first, r.end);
}

/// A shape for a run on so many images.
static nc_shape shape_for(const nc_plan *plan, size_t *images) {
    nc_shape shape = plan->shape;
    if (!plan->is_flat) return shape;
    shape.columns = shape.output_columns = *images * shape.rows * shape.columns;
    shape.rows = shape.output_rows = *images = 1;
    return shape;
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
    const nc_shape shape = shape_for(plan, &images);
    job j = {
        .convolver = plan->convolver, .shape = &shape, .packed = packed, .x = x, .tail = tail, .y = y, .images = images,
        .threads = threads};
    if (plan->is_winograd)
        convolve_winograd(&j, plan, scratch);
    else
        nc_spread(threads, direct_part, &j);
}

// MARK: In parts

/// A part's tiles, block by block.
static void winograd_part(const nc_plan *plan, const job *j, float *scratch, range own) {
    const nc_shape *s = &plan->shape;
    const size_t blocks = (own.end - own.first + NC_MOST_TILES - 1) / NC_MOST_TILES;
    if (blocks == 0) return;
    const size_t tiles = nc_round_up((own.end - own.first + blocks - 1) / blocks, plan->convolver->positions);
    float *products = scratch + NC_POINTS * point_step(tiles, s->inputs);
    for (size_t first = own.first; first < own.end; first += tiles) {
        const nc_block block = {
            .shape = s, .tile_rows = tile_count(s->output_rows), .tile_columns = tile_count(s->output_columns),
            .first = first, .tiles = nc_min(tiles, own.end - first), .input_step = point_step(tiles, s->inputs),
            .product_step = point_step(tiles, s->outputs)};
        plan->convolver->transform_inputs(&block, j->x, scratch, 0, s->inputs);
        plan->convolver->multiply(&block, j->packed, scratch, products, 0, NC_POINTS);
        plan->convolver->transform_outputs(&block, products, j->tail, j->y, 0, s->outputs);
    }
}

void nc_convolve_part(
    const nc_plan *plan, const float *packed, const nc_tail *tail, const float *x, float *y, size_t images, float *scratch,
    size_t part, size_t parts) {
    const nc_shape shape = shape_for(plan, &images);
    job j = {
        .convolver = plan->convolver, .shape = &shape, .packed = packed, .x = x, .tail = tail, .y = y, .images = images,
        .threads = parts};
    if (plan->is_winograd)
        winograd_part(
            plan, &j, scratch, range_of(part, parts, all_tiles(&plan->shape, images), plan->convolver->positions));
    else
        direct_part(&j, part);
}

/// Where a unit of a kernel's gradient stands in the packed kernel.
static size_t unit_place(const nc_plan *plan, size_t unit, nc_strips inputs) {
    return (unit / inputs.strips * plan->shape.inputs + unit % inputs.strips * inputs.length) * plan->convolver->channels;
}

size_t nc_gradient_scratch_floats(const nc_plan *plan) { return NC_SUMMED * plan->convolver->channels; }

void nc_weight_gradient_part(
    const nc_plan *plan, const float *x, const float *dy, size_t images, float *packed, float *bias, float *scratch,
    size_t part, size_t parts) {
    const nc_shape *s = &plan->shape;
    const size_t groups = (s->outputs + plan->convolver->channels - 1) / plan->convolver->channels;
    const nc_strips inputs = nc_strips_of(s->inputs, plan->convolver->positions);
    const range r = range_of(part, parts, groups * s->kernel_rows * s->kernel_columns * inputs.strips, 1);
    if (r.first == r.end) return;
    const size_t first = unit_place(plan, r.first, inputs), end = unit_place(plan, r.end, inputs);
    memset(packed + first, 0, (end - first) * sizeof(float));
    plan->convolver->weight_gradient(s, x, dy, images, packed, bias, scratch, r.first, r.end);
}
