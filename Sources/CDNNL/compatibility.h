// What differs between oneDNN 2.6 (memory descriptors by value) and 3.x (by handle), but for the descriptions of convolutions.
#ifndef NORMCONV_CDNNL_COMPATIBILITY_H
#define NORMCONV_CDNNL_COMPATIBILITY_H

#include <dnnl.h>

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
static inline dnnl_status_t nc_append_sum_(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
}
static inline dnnl_status_t nc_append_eltwise_(dnnl_post_ops_t operations, dnnl_alg_kind_t kind, float alpha, float beta) {
    return dnnl_post_ops_append_eltwise(operations, kind, alpha, beta);
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
static inline dnnl_status_t nc_append_sum_(dnnl_post_ops_t operations) { return dnnl_post_ops_append_sum(operations, 1); }
static inline dnnl_status_t nc_append_eltwise_(dnnl_post_ops_t operations, dnnl_alg_kind_t kind, float alpha, float beta) {
    return dnnl_post_ops_append_eltwise(operations, 1, kind, alpha, beta);
}
#endif

#define NC_TRY_(call) do { if ((status = (call)) != dnnl_success) goto done; } while (0)

#endif
