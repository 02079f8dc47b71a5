// One interface for oneDNN 2.6 (operation descriptors, descriptors by value) and 3.x (neither).
// Every function returns a dnnl_status_t; the caller owns what it gets and frees it with the matching function.
#ifndef NORMCONV_CDNNL_SHIM_H
#define NORMCONV_CDNNL_SHIM_H

#include "convolution.h"

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

/// The memories of one execution, whose handles the caller sets.
typedef struct {
    dnnl_memory_t source, rounded, packed, bias, destination, scratch;
} nc_convolution_memories;

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
