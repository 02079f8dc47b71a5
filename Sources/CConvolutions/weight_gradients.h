// Private: the gradient of a kernel, included by kernels.h.
// Each value is the sum of blocks of positions in a fixed order, whatever part of the kernel a thread takes.

/// A position: where its first input is, and its row of the panel.
typedef struct {
    size_t x, row;
} pair;

/// Adds Σ x·dy over the pairs for a fixed number of inputs and a group of outputs.
NC_INLINE void add_products(
    const float *x, const pair *at, size_t count, const float *panel, float *dw, const int inputs) {
    vector sum[NC_POSITIONS][NC_VECTORS];
    NC_UNROLL for (int i = 0; i < inputs; i++) NC_UNROLL for (int v = 0; v < NC_VECTORS; v++) sum[i][v] = 0;
    for (size_t n = 0; n < count; n++) {
        const float *from = x + at[n].x, *row = panel + at[n].row;
        vector gradient[NC_VECTORS];
        NC_UNROLL for (int v = 0; v < NC_VECTORS; v++) gradient[v] = *(const vector *)(row + v * NC_LANES);
        NC_UNROLL for (int i = 0; i < inputs; i++) {
            const vector value = from[i];
            NC_UNROLL for (int v = 0; v < NC_VECTORS; v++) sum[i][v] += value * gradient[v];
        }
    }
    NC_UNROLL for (int i = 0; i < inputs; i++) NC_UNROLL for (int v = 0; v < NC_VECTORS; v++) {
        vector *out = (vector *)(dw + i * NC_CHANNELS + v * NC_LANES);
        *out += sum[i][v];
    }
}

static void add_any_products(
    const float *x, const pair *at, size_t count, const float *panel, float *dw, size_t inputs) {
#define NC_CASE(n) \
    case n: add_products(x, at, count, panel, dw, n); break
    switch (inputs) {
        NC_CASES
    }
#undef NC_CASE
}

/// Copies the group's gradients at positions [first, end) of a map, and adds them to the bias' gradient.
static void fill_panel(
    const nc_shape *s, const float *dy, size_t first, size_t end, size_t channels, float *panel, float *bias) {
    float sum[NC_CHANNELS] = {0};
    for (size_t p = first; p < end; p++, panel += NC_CHANNELS) {
        const float *from = dy + p * s->outputs;
        if (channels == NC_CHANNELS) {
            NC_UNROLL for (int v = 0; v < NC_VECTORS; v++) *(vector *)(panel + v * NC_LANES) = load(from + v * NC_LANES);
        } else {
            memset(panel, 0, NC_CHANNELS * sizeof(float));
            memcpy(panel, from, channels * sizeof(float));
        }
        if (bias)
            for (size_t c = 0; c < channels; c++) sum[c] += panel[c];
    }
    if (bias)
        for (size_t c = 0; c < channels; c++) bias[c] += sum[c];
}

/// The positions [first, end) at which a tap lies in the map.
static size_t pairs_of(const nc_shape *s, size_t tap, size_t first, size_t end, pair *at) {
    const ptrdiff_t above = (ptrdiff_t)(tap / s->kernel_columns) - s->top;
    const ptrdiff_t before = (ptrdiff_t)(tap % s->kernel_columns) - s->left;
    size_t count = 0, row = first / s->output_columns, column = first % s->output_columns;
    for (size_t p = first; p < end; p++) {
        const ptrdiff_t r = (ptrdiff_t)(row * s->stride_rows) + above, c = (ptrdiff_t)(column * s->stride_columns) + before;
        if (r >= 0 && r < (ptrdiff_t)s->rows && c >= 0 && c < (ptrdiff_t)s->columns)
            at[count++] = (pair){((size_t)r * s->columns + (size_t)c) * s->inputs, (p - first) * NC_CHANNELS};
        if (++column == s->output_columns) column = 0, row++;
    }
    return count;
}

static void weight_gradient(
    const nc_shape *s, const float *x, const float *dy, size_t images, float *dw, float *bias, float *panel, size_t first,
    size_t end) {
    const nc_strips inputs = nc_strips_of(s->inputs, NC_POSITIONS);
    const size_t taps = s->kernel_rows * s->kernel_columns, of_group = taps * inputs.strips;
    const size_t positions = s->output_rows * s->output_columns;
    pair at[NC_SUMMED];
    for (size_t group = first / of_group; group * of_group < end; group++) {
        const size_t from = first > group * of_group ? first - group * of_group : 0, to = nc_min(end - group * of_group, of_group);
        const size_t channel = group * NC_CHANNELS, channels = nc_min(NC_CHANNELS, s->outputs - channel);
        float *own = dw + channel * taps * s->inputs;
        for (size_t block = 0, blocks = (positions + NC_SUMMED - 1) / NC_SUMMED; block < images * blocks; block++) {
            const size_t image = block / blocks, start = block % blocks * NC_SUMMED;
            const size_t stop = nc_min(start + NC_SUMMED, positions);
            const float *map = x + image * s->rows * s->columns * s->inputs;
            fill_panel(
                s, dy + image * positions * s->outputs + channel, start, stop, channels, panel,
                bias && from == 0 ? bias + channel : NULL);
            for (size_t unit = from; unit < to;) {
                const size_t tap = unit / inputs.strips, count = pairs_of(s, tap, start, stop, at);
                for (; unit < to && unit / inputs.strips == tap; unit++) {
                    const size_t input = unit % inputs.strips * inputs.length;
                    add_any_products(
                        map + input, at, count, panel, own + (tap * s->inputs + input) * NC_CHANNELS,
                        nc_min(inputs.length, s->inputs - input));
                }
            }
        }
    }
}
