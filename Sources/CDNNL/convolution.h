// Convolutions and their gradients, compiled.
#ifndef NORMCONV_CDNNL_CONVOLUTION_H
#define NORMCONV_CDNNL_CONVOLUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "compatibility.h"

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
    if (shape->accumulates) NC_TRY_(nc_append_sum_(operations));
    if (shape->hasReLU) NC_TRY_(nc_append_eltwise_(operations, kind, 0, clipped ? shape->ceiling : 0));
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

/// Extents, and the settings of windows, as oneDNN takes them.
typedef struct {
    /// Dimensions of maps, and of kernels, which have one for the groups only where there are several.
    int map_rank, kernel_rank;
    dnnl_dims_t source, destination, kernel, kernel_strides, bias, strides, dilations, before, after;
} nc_extents_;

static inline nc_extents_ nc_extents_of_(const nc_convolution_shape *s) {
    const int64_t maps[] = {s->batch, s->groups * s->group_inputs}, results[] = {s->batch, s->groups * s->group_outputs};
    const int64_t filters[] = {s->groups, s->group_outputs, s->group_inputs};
    const int64_t gaps[] = {s->dilations[0] - 1, s->dilations[1] - 1, s->dilations[2] - 1};
    const int first = s->groups > 1 ? 0 : 1;
    nc_extents_ e;
    memset(&e, 0, sizeof e);
    e.map_rank = nc_dims_(e.source, maps, 2, s->input, s->is_volume);
    nc_dims_(e.destination, results, 2, s->output, s->is_volume);
    e.kernel_rank = nc_dims_(e.kernel, filters + first, 3 - first, s->kernel, s->is_volume);
    nc_dims_(e.kernel_strides, s->kernel_strides + first, 3 - first, s->kernel_strides + 3, s->is_volume);
    e.bias[0] = s->groups * s->group_outputs;
    nc_dims_(e.strides, NULL, 0, s->strides, s->is_volume);
    nc_dims_(e.dilations, NULL, 0, gaps, s->is_volume);
    nc_dims_(e.before, NULL, 0, s->before, s->is_volume);
    nc_dims_(e.after, NULL, 0, s->after, s->is_volume);
    return e;
}

/// The layouts of the caller's values, and `any` for the kernel whose layout oneDNN chooses.
static inline dnnl_status_t nc_layouts_(
    nc_convolution *conv, dnnl_memory_desc_t *any, const nc_convolution_shape *s, const nc_extents_ *e) {
    const dnnl_data_type_t factors = s->rounds ? dnnl_bf16 : dnnl_f32;
    const dnnl_format_tag_t order = s->is_volume ? dnnl_ndhwc : dnnl_nhwc;
    dnnl_status_t status;
    NC_TRY_(nc_tagged_(&conv->source, e->map_rank, e->source, dnnl_f32, order));
    NC_TRY_(nc_tagged_(&conv->rounded, e->map_rank, e->source, factors, order));
    NC_TRY_(nc_tagged_(&conv->destination, e->map_rank, e->destination, dnnl_f32, order));
    NC_TRY_(nc_tagged_(&conv->bias, 1, e->bias, dnnl_f32, dnnl_x));
    NC_TRY_(nc_strided_(&conv->stored, e->kernel_rank, e->kernel, e->kernel_strides));
    NC_TRY_(nc_tagged_(any, e->kernel_rank, e->kernel, factors, dnnl_format_tag_any));
done:
    return status;
}

#if DNNL_VERSION_MAJOR >= 3
static inline dnnl_status_t nc_describe_forward_(
    dnnl_primitive_desc_t *description, dnnl_engine_t engine, const nc_convolution *conv, const dnnl_memory_desc_t *any,
    const nc_extents_ *e, const_dnnl_primitive_attr_t attributes) {
    const dnnl_prop_kind_t kind = conv->pass == nc_forward ? dnnl_forward_inference : dnnl_forward_training;
    return dnnl_convolution_forward_primitive_desc_create(
        description, engine, kind, dnnl_convolution_direct, conv->rounded, *any, conv->bias, conv->destination, e->strides,
        e->dilations, e->before, e->after, attributes);
}
static inline dnnl_status_t nc_describe_gradient_(
    dnnl_primitive_desc_t *description, dnnl_engine_t engine, const nc_convolution *conv, const dnnl_memory_desc_t *any,
    const nc_extents_ *e, const_dnnl_primitive_attr_t attributes, const_dnnl_primitive_desc_t forward) {
    if (conv->pass == nc_backward_data)
        return dnnl_convolution_backward_data_primitive_desc_create(
            description, engine, dnnl_convolution_direct, conv->source, *any, conv->destination, e->strides, e->dilations,
            e->before, e->after, forward, attributes);
    return dnnl_convolution_backward_weights_primitive_desc_create(
        description, engine, dnnl_convolution_direct, conv->source, *any, conv->bias, conv->destination, e->strides,
        e->dilations, e->before, e->after, forward, attributes);
}
#else
static inline dnnl_status_t nc_describe_forward_(
    dnnl_primitive_desc_t *description, dnnl_engine_t engine, const nc_convolution *conv, const dnnl_memory_desc_t *any,
    const nc_extents_ *e, const_dnnl_primitive_attr_t attributes) {
    const dnnl_prop_kind_t kind = conv->pass == nc_forward ? dnnl_forward_inference : dnnl_forward_training;
    dnnl_convolution_desc_t operation;
    const dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &operation, kind, dnnl_convolution_direct, &conv->rounded, any, &conv->bias, &conv->destination, e->strides,
        e->dilations, e->before, e->after);
    return status == dnnl_success ? dnnl_primitive_desc_create(description, &operation, attributes, engine, NULL) : status;
}
static inline dnnl_status_t nc_describe_gradient_(
    dnnl_primitive_desc_t *description, dnnl_engine_t engine, const nc_convolution *conv, const dnnl_memory_desc_t *any,
    const nc_extents_ *e, const_dnnl_primitive_attr_t attributes, const_dnnl_primitive_desc_t forward) {
    dnnl_convolution_desc_t operation;
    const dnnl_status_t status =
        conv->pass == nc_backward_data
        ? dnnl_dilated_convolution_backward_data_desc_init(
              &operation, dnnl_convolution_direct, &conv->source, any, &conv->destination, e->strides, e->dilations,
              e->before, e->after)
        : dnnl_dilated_convolution_backward_weights_desc_init(
              &operation, dnnl_convolution_direct, &conv->source, any, &conv->bias, &conv->destination, e->strides,
              e->dilations, e->before, e->after);
    return status == dnnl_success ? dnnl_primitive_desc_create(description, &operation, attributes, engine, forward) : status;
}
#endif

/// Compiles the description, and the rounding of the source if it has one.
static inline dnnl_status_t nc_compile_(
    nc_convolution *conv, dnnl_engine_t engine, const_dnnl_primitive_desc_t description, bool rounds) {
    const bool makes_kernel = conv->pass == nc_backward_weights;
    dnnl_status_t status;
    NC_TRY_(nc_query_(&conv->packed, description, makes_kernel ? dnnl_query_diff_weights_md : dnnl_query_weights_md));
    NC_TRY_(nc_query_(&conv->scratch, description, dnnl_query_scratchpad_md));
    NC_TRY_(dnnl_primitive_create(&conv->primitive, description));
    if (rounds) {
        NC_TRY_(nc_reorder_create_(&conv->rounding, engine, &conv->source, &conv->rounded));
        conv->rounded_bytes = (dnnl_memory_desc_get_size(NC_DESC(conv->rounded)) + 63) / 64 * 64;
    }
    conv->packed_bytes = dnnl_memory_desc_get_size(NC_DESC(conv->packed));
    conv->scratch_bytes = conv->rounded_bytes + dnnl_memory_desc_get_size(NC_DESC(conv->scratch));
done:
    return status;
}

/// Compiles a convolution. `conv` must be zeroed, and must be destroyed even after a failure.
static inline dnnl_status_t nc_convolution_create(
    nc_convolution *conv, dnnl_engine_t engine, const nc_convolution_shape *shape) {
    const nc_extents_ extents = nc_extents_of_(shape);
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t forward = NULL, gradient = NULL;
    dnnl_memory_desc_t any;
    dnnl_status_t status;
    memset(&any, 0, sizeof any);
    conv->pass = shape->pass;
    NC_TRY_(nc_attributes_(shape, &attributes));
    NC_TRY_(nc_layouts_(conv, &any, shape, &extents));
    // A gradient's description takes the forward pass' as a hint.
    NC_TRY_(nc_describe_forward_(&forward, engine, conv, &any, &extents, attributes));
    if (shape->pass != nc_forward)
        NC_TRY_(nc_describe_gradient_(&gradient, engine, conv, &any, &extents, attributes, forward));
    NC_TRY_(nc_compile_(conv, engine, gradient ? gradient : forward, shape->rounds));
done:
    nc_free_desc_(&any);
    if (gradient) dnnl_primitive_desc_destroy(gradient);
    if (forward) dnnl_primitive_desc_destroy(forward);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    return status;
}

#endif
