// One interface for oneDNN 2.6 (operation descriptors, descriptors by value) and 3.x (neither).
// Every function returns a dnnl_status_t; the caller owns what it gets and frees it with the matching function.
#ifndef NORMCONV_CDNNL_SHIM_H
#define NORMCONV_CDNNL_SHIM_H

#include <dnnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/// The computation: forward or one of the gradients.
typedef enum {
    /// The destination, from the source, the kernel and the bias.
    nc_forward,
    /// The source's gradient, from the destination's and the kernel.
    nc_backward_data,
    /// The kernel's and the bias' gradients, from the source and the destination's.
    nc_backward_weights,
} nc_pass;

/// A convolution of channels-last float maps, or of volumes of `depth` maps, for which oneDNN has other kernels. `group_*`
/// are channels of one group; dilation 1 is a plain kernel. Arrays are [depth, rows, columns].
typedef struct {
    nc_pass pass;
    int64_t batch, groups, group_inputs, group_outputs;
    int64_t input[3], kernel[3], strides[3], dilations[3], before[3], after[3], output[3];
    /// Element distances of the caller's kernel: group, output, input, depth, row, column.
    int64_t kernel_strides[6];
    /// Whether there is a depth; without it the arrays' first elements are not read.
    bool is_volume;
    /// Forward only: adds to what the destination holds, before the activation.
    bool accumulates;
    /// Forward only: cuts the result at zero and, where it is finite, at `ceiling`.
    bool hasReLU;
    float ceiling;
    /// Forward only: rounds the source and the kernel to bfloat16. Not every processor has kernels for them.
    bool rounds;
} nc_convolution_shape;

/// A compiled convolution and the descriptors that its memories are made with. On the way back, source, packed
/// kernel, bias and destination stand for their gradients where these are what is computed or given.
typedef struct {
    nc_pass pass;
    dnnl_primitive_t primitive;
    /// Rounds the source, into the first bytes of the caller's scratchpad; NULL where it is taken as it is.
    dnnl_primitive_t rounding;
    /// `rounded` is what the convolution takes: the source's own where nothing is rounded.
    dnnl_memory_desc_t source, rounded, packed, bias, destination, scratch, stored;
    size_t packed_bytes, rounded_bytes, scratch_bytes;
} nc_convolution;

/// The memories of one execution, whose handles the caller sets.
typedef struct {
    dnnl_memory_t source, rounded, packed, bias, destination, scratch;
} nc_convolution_memories;

#if DNNL_VERSION_MAJOR >= 3
#define NC_DESC(md) (md)
static inline dnnl_status_t nc_strided_(dnnl_memory_desc_t *md, int n, const dnnl_dims_t dims, const dnnl_dims_t strides) {
    return dnnl_memory_desc_create_with_strides(md, n, dims, dnnl_f32, strides);
}
static inline dnnl_status_t nc_tagged_(
    dnnl_memory_desc_t *md, int n, const dnnl_dims_t dims, dnnl_data_type_t type, dnnl_format_tag_t tag) {
    return dnnl_memory_desc_create_with_tag(md, n, dims, type, tag);
}
static inline dnnl_status_t nc_query_(dnnl_memory_desc_t *md, const_dnnl_primitive_desc_t pd, dnnl_query_t what) {
    return dnnl_memory_desc_clone(md, dnnl_primitive_desc_query_md(pd, what, 0));
}
static inline void nc_free_desc_(dnnl_memory_desc_t *md) {
    if (*md) dnnl_memory_desc_destroy(*md);
    *md = NULL;
}
#else
#define NC_DESC(md) (&(md))
static inline dnnl_status_t nc_strided_(dnnl_memory_desc_t *md, int n, const dnnl_dims_t dims, const dnnl_dims_t strides) {
    return dnnl_memory_desc_init_by_strides(md, n, dims, dnnl_f32, strides);
}
static inline dnnl_status_t nc_tagged_(
    dnnl_memory_desc_t *md, int n, const dnnl_dims_t dims, dnnl_data_type_t type, dnnl_format_tag_t tag) {
    return dnnl_memory_desc_init_by_tag(md, n, dims, type, tag);
}
static inline dnnl_status_t nc_query_(dnnl_memory_desc_t *md, const_dnnl_primitive_desc_t pd, dnnl_query_t what) {
    *md = *dnnl_primitive_desc_query_md(pd, what, 0);
    return dnnl_success;
}
static inline void nc_free_desc_(dnnl_memory_desc_t *md) { (void)md; }
#endif

#define NC_TRY_(call) do { if ((status = (call)) != dnnl_success) goto done; } while (0)

/// "2.6.3" of the library that is loaded, not of the header.
static inline void nc_dnnl_version(int *major, int *minor, int *patch) {
    const dnnl_version_t *version = dnnl_version();
    *major = version->major;
    *minor = version->minor;
    *patch = version->patch;
}

/// The widest vector instructions that the library uses on this processor; NULL where it names none of these.
static inline const char *nc_dnnl_instructions(void) {
#if defined(__x86_64__)
    const unsigned isa = dnnl_get_effective_cpu_isa();
    const unsigned known[] = {dnnl_cpu_isa_avx512_core, dnnl_cpu_isa_avx2, dnnl_cpu_isa_avx, dnnl_cpu_isa_sse41};
    const char *const names[] = {"AVX-512", "AVX2", "AVX", "SSE4.1"};
    for (int i = 0; i < 4; i++) if ((isa & known[i]) == known[i]) return names[i];
#endif
    return NULL;
}

/// Whether the processor has bfloat16 instructions that the library uses: AVX512_BF16, which all processors with AMX have.
static inline bool nc_dnnl_has_bfloat16(void) {
#if defined(__x86_64__)
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
#else
    return false;
#endif
}

static inline dnnl_status_t nc_engine_create(dnnl_engine_t *engine) { return dnnl_engine_create(engine, dnnl_cpu, 0); }

static inline dnnl_status_t nc_stream_create(dnnl_stream_t *stream, dnnl_engine_t engine) {
    return dnnl_stream_create(stream, engine, dnnl_stream_in_order);
}

static inline void nc_convolution_destroy(nc_convolution *conv) {
    if (conv->primitive) dnnl_primitive_destroy(conv->primitive);
    if (conv->rounding) dnnl_primitive_destroy(conv->rounding);
    nc_free_desc_(&conv->source);
    nc_free_desc_(&conv->rounded);
    nc_free_desc_(&conv->packed);
    nc_free_desc_(&conv->bias);
    nc_free_desc_(&conv->destination);
    nc_free_desc_(&conv->scratch);
    nc_free_desc_(&conv->stored);
    memset(conv, 0, sizeof *conv);
}

/// The sum and the activation that follow a convolution, and a scratchpad that the caller owns.
static inline dnnl_status_t nc_attributes_(const nc_convolution_shape *shape, dnnl_primitive_attr_t *attributes) {
    dnnl_post_ops_t operations = NULL;
    dnnl_status_t status;
    NC_TRY_(dnnl_primitive_attr_create(attributes));
    NC_TRY_(dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user));
    NC_TRY_(dnnl_post_ops_create(&operations));
    const bool clipped = shape->ceiling < __builtin_inff();
    const dnnl_alg_kind_t kind = clipped ? dnnl_eltwise_clip : dnnl_eltwise_relu;
    const float upper = clipped ? shape->ceiling : 0;
#if DNNL_VERSION_MAJOR >= 3
    if (shape->accumulates) NC_TRY_(dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef));
    if (shape->hasReLU) NC_TRY_(dnnl_post_ops_append_eltwise(operations, kind, 0, upper));
#else
    if (shape->accumulates) NC_TRY_(dnnl_post_ops_append_sum(operations, 1));
    if (shape->hasReLU) NC_TRY_(dnnl_post_ops_append_eltwise(operations, 1, kind, 0, upper));
#endif
    NC_TRY_(dnnl_primitive_attr_set_post_ops(*attributes, operations));
done:
    if (operations) dnnl_post_ops_destroy(operations);
    return status;
}

/// Compiles a copy from one layout, or type, to another.
static inline dnnl_status_t nc_reorder_create_(
    dnnl_primitive_t *primitive, dnnl_engine_t engine, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status;
    NC_TRY_(dnnl_reorder_primitive_desc_create(&description, NC_DESC(*from), engine, NC_DESC(*to), engine, NULL));
    NC_TRY_(dnnl_primitive_create(primitive, description));
done:
    if (description) dnnl_primitive_desc_destroy(description);
    return status;
}

/// Leading dimensions, then the rows and columns of three extents, with the depth if it counts. Returns their number.
static inline int nc_dims_(
    dnnl_dims_t dims, const int64_t *leading, int count, const int64_t extents[3], bool is_volume) {
    const int skipped = is_volume ? 0 : 1;
    for (int i = 0; i < count; i++) dims[i] = leading[i];
    for (int i = skipped; i < 3; i++) dims[count + i - skipped] = extents[i];
    return count + 3 - skipped;
}

/// Compiles a convolution. `conv` must be zeroed, and must be destroyed even after a failure.
static inline dnnl_status_t nc_convolution_create(nc_convolution *conv, dnnl_engine_t engine, const nc_convolution_shape *s) {
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t description = NULL, hint = NULL;
    dnnl_memory_desc_t any;
    dnnl_status_t status;
    memset(&any, 0, sizeof any);
    const bool grouped = s->groups > 1;
    const int64_t maps[] = {s->batch, s->groups * s->group_inputs}, results[] = {s->batch, s->groups * s->group_outputs};
    const int64_t filters[] = {s->groups, s->group_outputs, s->group_inputs};
    const int64_t gaps[] = {s->dilations[0] - 1, s->dilations[1] - 1, s->dilations[2] - 1};
    const dnnl_dims_t bias = {s->groups * s->group_outputs};
    dnnl_dims_t source, destination, kernel, distances, strides, dilations, before, after;
    const int rank = nc_dims_(source, maps, 2, s->input, s->is_volume);
    nc_dims_(destination, results, 2, s->output, s->is_volume);
    nc_dims_(distances, s->kernel_strides, 3, s->kernel_strides + 3, s->is_volume);
    const int weights = nc_dims_(kernel, filters, 3, s->kernel, s->is_volume);
    nc_dims_(strides, NULL, 0, s->strides, s->is_volume);
    nc_dims_(dilations, NULL, 0, gaps, s->is_volume);
    nc_dims_(before, NULL, 0, s->before, s->is_volume);
    nc_dims_(after, NULL, 0, s->after, s->is_volume);
    const int first = grouped ? 0 : 1;
    const dnnl_data_type_t factors = s->rounds ? dnnl_bf16 : dnnl_f32;
    const dnnl_format_tag_t order = s->is_volume ? dnnl_ndhwc : dnnl_nhwc;

    conv->pass = s->pass;
    NC_TRY_(nc_attributes_(s, &attributes));
    NC_TRY_(nc_tagged_(&conv->source, rank, source, dnnl_f32, order));
    NC_TRY_(nc_tagged_(&conv->rounded, rank, source, factors, order));
    NC_TRY_(nc_tagged_(&conv->destination, rank, destination, dnnl_f32, order));
    NC_TRY_(nc_tagged_(&conv->bias, 1, bias, dnnl_f32, dnnl_x));
    NC_TRY_(nc_strided_(&conv->stored, weights - first, kernel + first, distances + first));
    NC_TRY_(nc_tagged_(&any, weights - first, kernel + first, factors, dnnl_format_tag_any));
    const dnnl_prop_kind_t kind = s->pass == nc_forward ? dnnl_forward_inference : dnnl_forward_training;
    dnnl_primitive_desc_t *forward = s->pass == nc_forward ? &description : &hint;
#if DNNL_VERSION_MAJOR >= 3
    NC_TRY_(dnnl_convolution_forward_primitive_desc_create(
        forward, engine, kind, dnnl_convolution_direct, conv->rounded, any, conv->bias, conv->destination, strides,
        dilations, before, after, attributes));
    if (s->pass == nc_backward_data)
        NC_TRY_(dnnl_convolution_backward_data_primitive_desc_create(
            &description, engine, dnnl_convolution_direct, conv->source, any, conv->destination, strides, dilations,
            before, after, hint, attributes));
    if (s->pass == nc_backward_weights)
        NC_TRY_(dnnl_convolution_backward_weights_primitive_desc_create(
            &description, engine, dnnl_convolution_direct, conv->source, any, conv->bias, conv->destination, strides,
            dilations, before, after, hint, attributes));
#else
    dnnl_convolution_desc_t operation;
    NC_TRY_(dnnl_dilated_convolution_forward_desc_init(
        &operation, kind, dnnl_convolution_direct, &conv->rounded, &any, &conv->bias, &conv->destination, strides,
        dilations, before, after));
    NC_TRY_(dnnl_primitive_desc_create(forward, &operation, attributes, engine, NULL));
    if (s->pass == nc_backward_data)
        NC_TRY_(dnnl_dilated_convolution_backward_data_desc_init(
            &operation, dnnl_convolution_direct, &conv->source, &any, &conv->destination, strides, dilations, before,
            after));
    if (s->pass == nc_backward_weights)
        NC_TRY_(dnnl_dilated_convolution_backward_weights_desc_init(
            &operation, dnnl_convolution_direct, &conv->source, &any, &conv->bias, &conv->destination, strides,
            dilations, before, after));
    if (s->pass != nc_forward) NC_TRY_(dnnl_primitive_desc_create(&description, &operation, attributes, engine, hint));
#endif
    const bool makes_kernel = s->pass == nc_backward_weights;
    NC_TRY_(nc_query_(&conv->packed, description, makes_kernel ? dnnl_query_diff_weights_md : dnnl_query_weights_md));
    NC_TRY_(nc_query_(&conv->scratch, description, dnnl_query_scratchpad_md));
    NC_TRY_(dnnl_primitive_create(&conv->primitive, description));
    if (s->rounds) {
        NC_TRY_(nc_reorder_create_(&conv->rounding, engine, &conv->source, &conv->rounded));
        conv->rounded_bytes = (dnnl_memory_desc_get_size(NC_DESC(conv->rounded)) + 63) / 64 * 64;
    }
    conv->packed_bytes = dnnl_memory_desc_get_size(NC_DESC(conv->packed));
    conv->scratch_bytes = conv->rounded_bytes + dnnl_memory_desc_get_size(NC_DESC(conv->scratch));
done:
    nc_free_desc_(&any);
    if (description) dnnl_primitive_desc_destroy(description);
    if (hint) dnnl_primitive_desc_destroy(hint);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    return status;
}

/// Copies a kernel, or its gradient, from one layout to another.
static inline dnnl_status_t nc_reorder_(
    dnnl_engine_t engine, dnnl_stream_t stream, const dnnl_memory_desc_t *from_layout, const void *source,
    const dnnl_memory_desc_t *to_layout, void *target) {
    dnnl_memory_t from = NULL, to = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_status_t status;
    NC_TRY_(dnnl_memory_create(&from, NC_DESC(*from_layout), engine, (void *)source));
    NC_TRY_(dnnl_memory_create(&to, NC_DESC(*to_layout), engine, target));
    NC_TRY_(nc_reorder_create_(&primitive, engine, from_layout, to_layout));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    NC_TRY_(dnnl_primitive_execute(primitive, stream, 2, arguments));
    NC_TRY_(dnnl_stream_wait(stream));
done:
    if (primitive) dnnl_primitive_destroy(primitive);
    if (from) dnnl_memory_destroy(from);
    if (to) dnnl_memory_destroy(to);
    return status;
}

/// Writes the caller's kernel, in its own strides, into `packed` (`packed_bytes` long) as the convolution wants it.
static inline dnnl_status_t nc_convolution_pack(
    const nc_convolution *conv, dnnl_engine_t engine, dnnl_stream_t stream, const float *kernel, void *packed) {
    return nc_reorder_(engine, stream, &conv->stored, kernel, &conv->packed, packed);
}

/// Writes the kernel's gradient, as the convolution made it, into the caller's strides.
static inline dnnl_status_t nc_convolution_unpack(
    const nc_convolution *conv, dnnl_engine_t engine, dnnl_stream_t stream, const void *packed, float *kernel) {
    return nc_reorder_(engine, stream, &conv->packed, packed, &conv->stored, kernel);
}

static inline void nc_memories_destroy(nc_convolution_memories *m) {
    dnnl_memory_t all[] = {m->source, m->rounded, m->packed, m->bias, m->destination, m->scratch};
    for (int i = 0; i < 6; i++) if (all[i]) dnnl_memory_destroy(all[i]);
    memset(m, 0, sizeof *m);
}

/// Memories over the caller's buffers, source and destination NULL where they are set later; `memories` must be zeroed,
/// and must be destroyed even after a failure.
static inline dnnl_status_t nc_memories_create(
    nc_convolution_memories *m, const nc_convolution *conv, dnnl_engine_t engine, const float *source,
    void *packed, const float *bias, float *destination, void *scratch) {
    dnnl_status_t status;
    NC_TRY_(dnnl_memory_create(&m->source, NC_DESC(conv->source), engine, (void *)source));
    NC_TRY_(dnnl_memory_create(&m->packed, NC_DESC(conv->packed), engine, packed));
    NC_TRY_(dnnl_memory_create(&m->bias, NC_DESC(conv->bias), engine, (void *)bias));
    NC_TRY_(dnnl_memory_create(&m->destination, NC_DESC(conv->destination), engine, destination));
    if (conv->rounding) NC_TRY_(dnnl_memory_create(&m->rounded, NC_DESC(conv->rounded), engine, scratch));
    NC_TRY_(dnnl_memory_create(&m->scratch, NC_DESC(conv->scratch), engine, (char *)scratch + conv->rounded_bytes));
done:
    return status;
}

/// Sets where an execution reads and writes.
static inline dnnl_status_t nc_memories_move(nc_convolution_memories *m, const float *source, float *destination) {
    dnnl_status_t status = dnnl_memory_set_data_handle(m->source, (void *)source);
    if (status == dnnl_success) status = dnnl_memory_set_data_handle(m->destination, destination);
    return status;
}

static inline dnnl_status_t nc_convolution_execute(
    const nc_convolution *conv, const nc_convolution_memories *m, dnnl_stream_t stream) {
    const bool data = conv->pass == nc_backward_data, weights = conv->pass == nc_backward_weights;
    if (conv->rounding) {
        const dnnl_exec_arg_t rounding[] = {{DNNL_ARG_FROM, m->source}, {DNNL_ARG_TO, m->rounded}};
        dnnl_status_t status = dnnl_primitive_execute(conv->rounding, stream, 2, rounding);
        if (status != dnnl_success) return status;
    }
    const dnnl_exec_arg_t arguments[] = {
        {data ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, conv->rounding ? m->rounded : m->source},
        {weights ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, m->packed},
        {data || weights ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST, m->destination},
        {DNNL_ARG_SCRATCHPAD, m->scratch},
        {weights ? DNNL_ARG_DIFF_BIAS : DNNL_ARG_BIAS, m->bias}};
    return dnnl_primitive_execute(conv->primitive, stream, data ? 4 : 5, arguments);
}

/// C += AᵀB over row-major A of rows × a_columns and B of rows × b_columns.
static inline dnnl_status_t nc_add_products(
    const float *a, const float *b, float *c, int64_t rows, int64_t a_columns, int64_t b_columns) {
    return dnnl_sgemm('T', 'N', a_columns, b_columns, rows, 1, a, a_columns, b, b_columns, 1, c, b_columns);
}

#undef NC_TRY_
#endif
