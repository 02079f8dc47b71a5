// Private: the kernels, included once for each instruction set by a file that defines
//   NC_LANES     floats of a vector,
//   NC_VECTORS   vectors of output channels whose sums a position holds in registers,
//   NC_POSITIONS positions whose sums are in registers at once: 6, or 12 where channels are few,
//   NC_NAME      the convolver's name.
// Sums and weights together fit the registers, or the compiler spills them in the innermost loop.
#include "convolver.h"

#include <string.h>

#define NC_INLINE static inline __attribute__((always_inline))
#define NC_UNROLL _Pragma("clang loop unroll(full)")

enum { NC_CHANNELS = NC_LANES * NC_VECTORS };

/// NC_CASE for each number of positions.
#define NC_SIX_CASES NC_CASE(1); NC_CASE(2); NC_CASE(3); NC_CASE(4); NC_CASE(5); NC_CASE(6);
#if NC_POSITIONS == 6
#define NC_CASES NC_SIX_CASES
#else
#define NC_CASES NC_SIX_CASES NC_CASE(7); NC_CASE(8); NC_CASE(9); NC_CASE(10); NC_CASE(11); NC_CASE(12);
#endif

/// Floats in one register, and where they are in memory, aligned or not.
typedef float vector __attribute__((ext_vector_type(NC_LANES)));
typedef float loose_vector __attribute__((ext_vector_type(NC_LANES), aligned(4)));
typedef double wide_vector __attribute__((ext_vector_type(NC_LANES)));

NC_INLINE vector load(const float *x) { return *(const loose_vector *)x; }
NC_INLINE void store(float *y, vector value) { *(loose_vector *)y = value; }
NC_INLINE vector clamp(vector value, float floor, float ceiling) {
    const vector low = floor, high = ceiling;
    // For NaN both comparisons are false.
    value = low > value ? low : value;
    return high < value ? high : value;
}

/// The first `count` of a vector's floats.
NC_INLINE vector load_part(const float *x, size_t count) {
    vector value = 0;
    memcpy(&value, x, count * sizeof(float));
    return value;
}
NC_INLINE void store_part(float *y, vector value, size_t count) { memcpy(y, &value, count * sizeof(float)); }

NC_INLINE size_t part(size_t channels, size_t vector) {
    return channels >= (vector + 1) * NC_LANES ? NC_LANES : channels > vector * NC_LANES ? channels - vector * NC_LANES : 0;
}

/// Where a strip of positions in a row reads and writes.
typedef struct {
    /// The first tap of the first position, and the floats to the next row of taps and to the next position.
    const float *x;
    size_t x_row, x_step;
    /// The weights of the first tap, and the floats to the next row of taps.
    const float *w;
    size_t w_row;
    /// Rows of taps, and floats of input in each.
    size_t rows, length;
    /// The first output, and the floats to the next position.
    float *y;
    size_t y_step;
    /// Channels that are there, at most NC_CHANNELS.
    size_t channels;
    const nc_tail *tail;
    const float *bias;
} strip;

/// The products of a strip of a fixed number of positions, and what follows them.
NC_INLINE void run_strip(const strip *s, const int positions, const bool whole) {
    vector sum[NC_POSITIONS][NC_VECTORS];
    NC_UNROLL for (int i = 0; i < positions; i++) NC_UNROLL for (int v = 0; v < NC_VECTORS; v++) sum[i][v] = 0;
    const size_t step = s->x_step, length = s->length;
    for (size_t row = 0; row < s->rows; row++) {
        const float *x = s->x + row * s->x_row, *w = s->w + row * s->w_row;
        // Four at a time: addresses are then few among the products.
        _Pragma("clang loop unroll_count(4)") for (size_t k = 0; k < length; k++) {
            vector weights[NC_VECTORS];
            NC_UNROLL for (int v = 0; v < NC_VECTORS; v++) weights[v] = *(const vector *)(w + k * NC_CHANNELS + v * NC_LANES);
            NC_UNROLL for (int i = 0; i < positions; i++) {
                const vector value = x[i * step + k];
                NC_UNROLL for (int v = 0; v < NC_VECTORS; v++) sum[i][v] += value * weights[v];
            }
        }
    }
    const nc_tail *tail = s->tail;
    NC_UNROLL for (int v = 0; v < NC_VECTORS; v++) {
        const size_t count = whole ? NC_LANES : part(s->channels, v);
        if (!whole && count == 0) break;
        const float *bias_at = s->bias + v * NC_LANES;
        const vector bias = whole ? load(bias_at) : load_part(bias_at, count);
        NC_UNROLL for (int i = 0; i < positions; i++) {
            float *y = s->y + i * s->y_step + v * NC_LANES;
            vector value = sum[i][v] + bias;
            if (tail->accumulates) value += whole ? load(y) : load_part(y, count);
            value = clamp(value, tail->floor, tail->ceiling);
            if (whole)
                store(y, value);
            else
                store_part(y, value, count);
        }
    }
}

static void run_whole_strip(const strip *s) { run_strip(s, NC_POSITIONS, true); }

/// The same for any number of positions and channels.
static void run_any_strip(const strip *s, size_t positions) {
    const bool whole = s->channels == NC_CHANNELS;
    _Static_assert(NC_POSITIONS == 6 || NC_POSITIONS == 12, "a case for each");
#define NC_CASE(n) \
    case n: \
        if (whole) run_strip(s, n, true); \
        else run_strip(s, n, false); \
        break
    switch (positions) {
        NC_CASES
    }
#undef NC_CASE
}

/// Positions of the next strip, where so many are left.
static size_t next_strip(size_t left) { return nc_strips_of(left, NC_POSITIONS).length; }

// MARK: Direct

/// Taps of a window that lie in the map, and where the window begins.
typedef struct {
    size_t first, count;
    ptrdiff_t start;
} taps;

static taps taps_of(size_t output, size_t stride, ptrdiff_t margin, size_t size, size_t extent) {
    const ptrdiff_t start = (ptrdiff_t)(output * stride) - margin;
    const ptrdiff_t first = start < 0 ? -start : 0;
    const ptrdiff_t inside = (ptrdiff_t)extent - start;
    const ptrdiff_t end = inside < (ptrdiff_t)size ? inside : (ptrdiff_t)size;
    return (taps){(size_t)first, end > first ? (size_t)(end - first) : 0, start};
}

/// The outputs [start, end) of a row, for one group of channels.
static void run_row(
    const nc_shape *shape, strip *s, const float *map, const float *weights, float *y, taps rows, size_t start, size_t end) {
    const size_t inputs = shape->inputs, row_length = shape->columns * inputs;
    size_t column = start;
    while (column < end) {
        const taps columns = taps_of(column, shape->stride_columns, shape->left, shape->kernel_columns, shape->columns);
        size_t positions = 1;
        if (columns.count == shape->kernel_columns) {
            // As many more as have all their taps inside.
            const size_t last = (size_t)((ptrdiff_t)(shape->columns - shape->kernel_columns) + shape->left);
            positions = next_strip(nc_min(end - column, last / shape->stride_columns + 1 - column));
        }
        const ptrdiff_t at = (rows.start + (ptrdiff_t)rows.first) * (ptrdiff_t)row_length
            + (columns.start + (ptrdiff_t)columns.first) * (ptrdiff_t)inputs;
        s->rows = columns.count == 0 ? 0 : rows.count;
        s->x = s->rows == 0 ? map : map + at;
        s->w = weights + (rows.first * shape->kernel_columns + columns.first) * inputs * NC_CHANNELS;
        s->length = columns.count * inputs;
        s->y = y + column * shape->column_step;
        if (positions == NC_POSITIONS && s->channels == NC_CHANNELS)
            run_whole_strip(s);
        else
            run_any_strip(s, positions);
        column += positions;
    }
}

/// Positions whose inputs stay in the second cache while all channels of the output pass over them.
static size_t block_positions(const nc_shape *shape) {
    const size_t inputs = shape->inputs * shape->stride_rows * shape->stride_columns;
    const size_t strips = (size_t)(32 << 10) / (inputs * NC_POSITIONS);
    return NC_POSITIONS * (strips < 16 ? 16 : strips > 64 ? 64 : strips);
}

/// How a direct convolution is cut: blocks of rows and columns, each for every group of channels.
typedef struct {
    size_t block_rows, block_columns, row_blocks, column_blocks, groups;
} cut;

static cut cut_of(const nc_shape *shape, size_t images) {
    const size_t rows = images * shape->output_rows, columns = shape->output_columns, block = block_positions(shape);
    cut c = {.groups = (shape->outputs + NC_CHANNELS - 1) / NC_CHANNELS};
    c.block_rows = nc_min(block > columns ? block / columns : 1, rows);
    c.block_columns = c.block_rows > 1 ? columns : nc_min(block, columns);
    c.row_blocks = (rows + c.block_rows - 1) / c.block_rows;
    c.column_blocks = (columns + c.block_columns - 1) / c.block_columns;
    return c;
}

static size_t direct_units(const nc_shape *shape, size_t images) {
    const cut c = cut_of(shape, images);
    return c.row_blocks * c.column_blocks * c.groups;
}

static void direct(
    const nc_shape *shape, const float *packed, const nc_tail *tail, const float *x, float *y, size_t images, size_t first,
    size_t end) {
    const size_t inputs = shape->inputs, outputs = shape->outputs, columns = shape->output_columns;
    const size_t rows = images * shape->output_rows, weights_of_group = shape->kernel_rows * shape->kernel_columns * inputs;
    const cut c = cut_of(shape, images);
    strip s = {
        .x_row = shape->columns * inputs, .x_step = shape->stride_columns * inputs,
        .w_row = shape->kernel_columns * inputs * NC_CHANNELS, .y_step = shape->column_step, .tail = tail};
    for (size_t unit = first; unit < end; unit++) {
        const size_t channel = unit % c.groups * NC_CHANNELS, block = unit / c.groups;
        const size_t row = block / c.column_blocks * c.block_rows, column = block % c.column_blocks * c.block_columns;
        s.channels = nc_min(NC_CHANNELS, outputs - channel);
        s.bias = tail->bias + channel;
        for (size_t r = row; r < nc_min(row + c.block_rows, rows); r++) {
            const size_t image = r / shape->output_rows, own = r % shape->output_rows;
            run_row(
                shape, &s, x + image * shape->rows * shape->columns * inputs, packed + channel * weights_of_group,
                y + image * shape->image_step + own * shape->row_step + channel,
                taps_of(own, shape->stride_rows, shape->top, shape->kernel_rows, shape->rows), column,
                nc_min(column + c.block_columns, columns));
        }
    }
}

// MARK: Winograd

/// Bᵀd of six vectors in a row or column (Lavin & Gray 2016, F(4×4, 3×3): points 0, ±1, ±2, ∞).
NC_INLINE void transform_six(const vector *d, size_t step, vector *t, size_t t_step) {
    const vector a = d[4 * step] - 4 * d[2 * step], b = d[3 * step] - 4 * d[step];
    const vector e = d[4 * step] - d[2 * step], f = 2 * (d[3 * step] - d[step]);
    t[0] = 4 * d[0] - 5 * d[2 * step] + d[4 * step];
    t[t_step] = a + b;
    t[2 * t_step] = a - b;
    t[3 * t_step] = e + f;
    t[4 * t_step] = e - f;
    t[5 * t_step] = 4 * d[step] - 5 * d[3 * step] + d[5 * step];
}

/// Aᵀm of six vectors: four outputs.
NC_INLINE void gather_four(const vector *m, size_t step, vector *y, size_t y_step) {
    const vector a = m[step] + m[2 * step], b = m[step] - m[2 * step];
    const vector c = m[3 * step] + m[4 * step], d = m[3 * step] - m[4 * step];
    y[0] = m[0] + a + c;
    y[y_step] = b + 2 * d;
    y[2 * y_step] = a + 4 * c;
    y[3 * y_step] = b + 8 * d + m[5 * step];
}

/// A tile's image and place.
typedef struct {
    size_t image, row, column;
} place;

NC_INLINE place place_of(const nc_block *b, size_t tile) {
    const size_t in_image = b->tile_rows * b->tile_columns, own = tile % in_image;
    return (place){tile / in_image, own / b->tile_columns * NC_TILE, own % b->tile_columns * NC_TILE};
}

static void transform_inputs(const nc_block *b, const float *x, float *v, size_t first, size_t end) {
    const nc_shape *shape = b->shape;
    const size_t inputs = shape->inputs;
    for (size_t tile = 0; tile < b->tiles; tile++) {
        const place at = place_of(b, b->first + tile);
        const float *map = x + at.image * shape->rows * shape->columns * inputs;
        const ptrdiff_t top = (ptrdiff_t)at.row - shape->top, left = (ptrdiff_t)at.column - shape->left;
        const bool inside = top >= 0 && left >= 0 && top + NC_PATCH <= (ptrdiff_t)shape->rows
            && left + NC_PATCH <= (ptrdiff_t)shape->columns;
        for (size_t c = first; c < end; c += NC_LANES) {
            vector d[NC_POINTS], t[NC_POINTS];
            for (ptrdiff_t i = 0; i < NC_PATCH; i++) {
                const ptrdiff_t row = top + i;
                NC_UNROLL for (ptrdiff_t j = 0; j < NC_PATCH; j++) {
                    const ptrdiff_t column = left + j;
                    const bool is_there = inside || (row >= 0 && row < (ptrdiff_t)shape->rows && column >= 0
                                                     && column < (ptrdiff_t)shape->columns);
                    d[i * NC_PATCH + j] =
                        is_there ? load(map + (row * (ptrdiff_t)shape->columns + column) * (ptrdiff_t)inputs + c) : 0;
                }
                transform_six(d + i * NC_PATCH, 1, t + i * NC_PATCH, 1);
            }
            NC_UNROLL for (int j = 0; j < NC_PATCH; j++) {
                transform_six(t + j, NC_PATCH, d + j, NC_PATCH);
                NC_UNROLL for (int i = 0; i < NC_PATCH; i++)
                    store(v + (size_t)(i * NC_PATCH + j) * b->input_step + tile * inputs + c, d[i * NC_PATCH + j]);
            }
        }
    }
}

static void multiply(const nc_block *b, const float *u, const float *v, float *m, size_t first, size_t end) {
    static const float no_bias[NC_CHANNELS];
    const size_t inputs = b->shape->inputs, outputs = b->shape->outputs;
    const nc_tail tail = {.bias = no_bias, .floor = -__builtin_inff(), .ceiling = __builtin_inff()};
    strip s = {
        .x_step = inputs, .rows = 1, .length = inputs, .y_step = outputs, .channels = NC_CHANNELS, .tail = &tail,
        .bias = no_bias};
    for (size_t point = first; point < end; point++)
        for (size_t channel = 0; channel < outputs; channel += NC_CHANNELS) {
            s.w = u + (point * outputs + channel) * inputs;
            for (size_t tile = 0, positions; tile < b->tiles; tile += positions) {
                s.x = v + point * b->input_step + tile * inputs;
                s.y = m + point * b->product_step + tile * outputs + channel;
                positions = next_strip(b->tiles - tile);
                if (positions == NC_POSITIONS)
                    run_whole_strip(&s);
                else
                    run_any_strip(&s, positions);
            }
        }
}

static void transform_outputs(
    const nc_block *b, const float *m, const nc_tail *tail, float *y, size_t first, size_t end) {
    const nc_shape *shape = b->shape;
    const size_t outputs = shape->outputs;
    for (size_t tile = 0; tile < b->tiles; tile++) {
        const place at = place_of(b, b->first + tile);
        const size_t rows = nc_min(NC_TILE, shape->output_rows - at.row);
        const size_t columns = nc_min(NC_TILE, shape->output_columns - at.column);
        float *corner =
            y + ((at.image * shape->output_rows + at.row) * shape->output_columns + at.column) * outputs;
        for (size_t c = first; c < end; c += NC_LANES) {
            vector t[NC_TILE * NC_PATCH], r[NC_TILE * NC_TILE];
            NC_UNROLL for (int j = 0; j < NC_PATCH; j++) {
                vector column[NC_PATCH];
                NC_UNROLL for (int i = 0; i < NC_PATCH; i++)
                    column[i] = load(m + (size_t)(i * NC_PATCH + j) * b->product_step + tile * outputs + c);
                gather_four(column, 1, t + j, NC_PATCH);
            }
            NC_UNROLL for (int i = 0; i < NC_TILE; i++) gather_four(t + i * NC_PATCH, 1, r + i * NC_TILE, 1);
            const vector bias = load(tail->bias + c);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < columns; j++) {
                    float *out = corner + (i * shape->output_columns + j) * outputs + c;
                    vector value = r[i * NC_TILE + j] + bias;
                    if (tail->accumulates) value += load(out);
                    store(out, clamp(value, tail->floor, tail->ceiling));
                }
        }
    }
}

// MARK: Packing

/// GgGᵀ, three of G's products (Lavin & Gray 2016).
NC_INLINE void spread_three(const wide_vector *g, size_t step, wide_vector *u, size_t u_step) {
    // Products: divisions would take most of the time.
    const double sixth = 1.0 / 6, twelfth = 1.0 / 12, small = 1.0 / 24;
    const wide_vector even = (g[0] + g[2 * step]) * -sixth, odd = g[step] * -sixth;
    const wide_vector far = g[0] * small + g[2 * step] * sixth, half = g[step] * twelfth;
    u[0] = g[0] * 0.25;
    u[u_step] = even + odd;
    u[2 * u_step] = even - odd;
    u[3 * u_step] = far + half;
    u[4 * u_step] = far - half;
    u[5 * u_step] = g[2 * step];
}

static void transform_kernel(
    const nc_shape *shape, const float *kernel, const ptrdiff_t strides[4], float *u, size_t first, size_t end) {
    const size_t inputs = shape->inputs, outputs = shape->outputs;
    for (size_t output = first; output < end; output += NC_LANES)
        for (size_t input = 0; input < inputs; input++) {
            wide_vector g[9], t[3 * NC_PATCH], r[NC_POINTS];
            const float *from = kernel + (ptrdiff_t)output * strides[0] + (ptrdiff_t)input * strides[1];
            for (ptrdiff_t tap = 0; tap < 9; tap++)
                for (ptrdiff_t lane = 0; lane < NC_LANES; lane++)
                    g[tap][lane] = from[lane * strides[0] + tap / 3 * strides[2] + tap % 3 * strides[3]];
            NC_UNROLL for (int j = 0; j < 3; j++) spread_three(g + j, 3, t + j, 3);
            NC_UNROLL for (int i = 0; i < NC_PATCH; i++) spread_three(t + 3 * i, 1, r + NC_PATCH * i, 1);
            float *to = u + output / NC_CHANNELS * NC_CHANNELS * inputs + input * NC_CHANNELS + output % NC_CHANNELS;
            for (size_t point = 0; point < NC_POINTS; point++)
                store(to + point * outputs * inputs, __builtin_convertvector(r[point], vector));
        }
}

#include "weight_gradients.h"

const nc_convolver NC_NAME = {
    .lanes = NC_LANES,
    .channels = NC_CHANNELS,
    .positions = NC_POSITIONS,
    .direct_units = direct_units,
    .direct = direct,
    .transform_inputs = transform_inputs,
    .multiply = multiply,
    .transform_outputs = transform_outputs,
    .transform_kernel = transform_kernel,
    .weight_gradient = weight_gradient,
};
