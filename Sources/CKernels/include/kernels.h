// Vector kernels over channels-last float maps: `positions` rows of `channels` contiguous values.
// Each is compiled for several instruction sets and chosen when the program is loaded.
#ifndef NORMCONV_KERNELS_H
#define NORMCONV_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/// Mean and sum of squared deviations of each channel over all positions. Sums run in float over short blocks of
/// values shifted by a nearby pivot, then in double, so that a mean far from zero costs no digits. Where squares overflow in
/// float all is in double.
/// `scratch` holds 3 × channels floats.
void nc_channel_moments(
    const float *x, size_t positions, size_t channels, double *mean, double *squares, float *scratch);

// The same in parts: begin with a map's first positions, add all parts, finish with the number of all positions.

/// Chooses each channel's pivot from the first positions, and empties its sums.
void nc_begin_moments(
    const float *x, size_t positions, size_t channels, float *pivot, double *sums, double *squares);

/// Adds x − pivot and its square to the sums; `scratch` holds 2 × channels floats. Whether squares overflowed, which end at
/// 1.8e19 in float: the moments of the whole map are then to be taken by `nc_exact_moments`, and the overflow is not told.
int nc_add_moments(
    const float *x, size_t positions, size_t channels, const float *pivot, double *sums, double *squares,
    float *scratch);

/// Mean and sum of squared deviations in double, in two passes over the whole map.
void nc_exact_moments(const float *x, size_t positions, size_t channels, double *mean, double *squares);

/// Makes the sums a mean and a sum of squared deviations.
void nc_finish_moments(size_t positions, size_t channels, const float *pivot, double *sums, double *squares);

/// Mean and 1/√(variance + ε) of a group of `members` channels.
///
/// Its sum of squares is that of its channels about their own means, plus that of the means about the group's, so that
/// nothing large is subtracted from something large.
void nc_group_moments(
    const double *mean, const double *squares, size_t positions, size_t members, double epsilon, double *center,
    double *factor);

/// Group normalization for `nc_normalize`: mean, scale and shift of each channel, one after another in 3 × channels floats.
void nc_group_coefficients(
    const double *mean, const double *squares, size_t positions, size_t channels, size_t groups, double epsilon,
    const float *gamma, const float *beta, float *coefficients);

/// y = activation((x − mean)·scale + shift + residual) with a mean, scale and shift per channel. `residual` may be NULL;
/// y may be x or the residual. The activation is min(max(·, floor), ceiling), with infinities where there is none.
void nc_normalize(
    const float *x, const float *residual, float *y, size_t positions, size_t channels, const float *mean,
    const float *scale, const float *shift, float floor, float ceiling);

/// y = min(max(a + b, floor), ceiling) over `count` values; b may be NULL, y may be a or b.
void nc_add(const float *a, const float *b, float *y, size_t count, float floor, float ceiling);

/// y = max(y, x) over `count` values.
void nc_maximum(const float *x, float *y, size_t count);

/// y += x over `count` values.
void nc_accumulate(const float *x, float *y, size_t count);

/// y *= factor over `count` values.
void nc_scale(float *y, float factor, size_t count);

/// Adds w, a·w and q·w² to three sums for each of `count` output channels of a kernel's row.
void nc_add_filter_sums(
    const float *w, size_t count, double a, double q, double *plain, double *linear, double *quadratic);

// The way back, for training. Gradients are added to what `dx` holds.

/// dy = 0 where y is not strictly between floor and ceiling: the gradient of a clamp whose result is y.
void nc_mask(const float *y, float *dy, size_t count, float floor, float ceiling);

/// y += factor·x over `count` values.
void nc_add_scaled(const float *x, float *y, size_t count, float factor);

// In parts, for several threads: sums of a range of channels of a map whose rows are `stride` floats apart.

/// As `nc_channel_moments`; each channel's result is the same whatever the range.
void nc_map_moments(
    const float *x, size_t positions, size_t stride, size_t channels, double *mean, double *squares);

/// Σ dy and Σ dy·(x − mean) of each channel over all positions, in double. Where y is not NULL, dy is masked first as by
/// `nc_mask`.
void nc_map_gradient_sums(
    const float *x, const float *y, float *dy, size_t positions, size_t stride, size_t channels, const float *mean,
    float floor, float ceiling, double *plain, double *products);

/// dx = direct·dy + slope·(x − mean) + offset, one of each per channel: what a norm's gradient comes down to. dx is added to
/// where `adds`.
void nc_norm_gradient(
    const float *x, const float *dy, float *dx, size_t positions, size_t channels, const float *mean,
    const float *direct, const float *slope, const float *offset, int adds);

/// dx = scale·dy per channel, where y is NULL or strictly between floor and ceiling, else 0; added to dx if `adds`.
void nc_scale_gradient(
    const float *y, const float *dy, float *dx, size_t positions, size_t channels, const float *scale, float floor,
    float ceiling, int adds);

/// `nc_mask`, whose result also goes to dx, or is added to it.
void nc_mask_both(const float *y, float *dy, float *dx, size_t count, float floor, float ceiling, int adds);

/// One window position of a maximum over windows: where x is the maximum y and `open` still is 1, dx += dy and `open`
/// becomes 0, so that the first of equals takes all.
void nc_add_maximum_gradient(const float *x, const float *y, const float *dy, float *dx, float *open, size_t count);

/// One step of Adam (Kingma & Ba 2015) on `count` weights. `rate` includes the first moment's bias correction,
/// `correction` is the second's, 1/(1 − β₂ᵗ). `kept` is what is left of the weights before the step: 1 − rate·decay in
/// AdamW (Loshchilov & Hutter 2019).
void nc_adam(
    float *w, const float *g, float *m, float *v, size_t count, float gradient_scale, float kept, float rate,
    float beta1, float beta2, float correction, float epsilon);

/// One step of gradient descent with momentum, as PyTorch's SGD: m = momentum·m + g·gradient_scale + decay·w, then
/// w −= rate·m.
void nc_sgd(
    float *w, const float *g, float *m, size_t count, float gradient_scale, float rate, float momentum, float decay);

/// Σ x² in double, in partial sums that do not depend on the instruction set.
double nc_sum_of_squares(const float *x, size_t count);

// Calibration: a norm's output against what it is to be.

/// What `nc_fit_sums` adds up for each channel over positions, one after another.
enum {
    NC_FIT_WEIGHT,      ///< Σ w
    NC_FIT_Z,           ///< Σ w·z
    NC_FIT_TARGET,      ///< Σ w·t
    NC_FIT_Z_Z,         ///< Σ w·z²
    NC_FIT_Z_TARGET,    ///< Σ w·z·t
    NC_FIT_LOSS,        ///< Σ w·(γz + β − t)²
    NC_FIT_ERROR,       ///< Σ (f(γz + β + s) − f(p))²
    NC_FIT_VALUE,       ///< Σ f(p)
    NC_FIT_SQUARE,      ///< Σ f(p)²
    NC_FIT_SUMS
};

/// Sums that a fit of γ and β needs, with z = (u − mean)·factor per channel, and where the norm's output plus s is to be
/// p and then pass f: a ReLU where `hasReLU`, else the identity.
///
/// Behind a ReLU only what passes it counts: w is 1 where p or γz + β + s is positive, else `leak`, and the target t
/// is p, or 0 where p is negative and γz + β + s is not, minus s. `s` may be NULL. `sums` holds NC_FIT_SUMS × channels
/// doubles, which are added to.
void nc_fit_sums(
    const float *u, const float *p, const float *s, size_t positions, size_t channels, const float *mean,
    const float *factor, const float *gamma, const float *beta, int hasReLU, float leak, double *sums);

/// gradient += w·(y + s − t): the derivative of half the loss of `nc_fit_sums` with respect to the norm's output y.
void nc_add_fit_gradient(
    const float *y, const float *p, const float *s, float *gradient, size_t count, int hasReLU, float leak);

// Resizing images of 8 bits, with weights in units of 2⁻²²; sums are rounded and kept in 0…255.

/// A row of `columns` new pixels of 1 or 3 channels: each is the weighted sum of `counts` old ones from `starts` on, with
/// weights that begin `stride` after those of the pixel before.
void nc_resample_row(
    const uint8_t *x, size_t channels, const int32_t *starts, const int32_t *counts, const int32_t *weights,
    size_t stride, size_t columns, uint8_t *y);

/// A row of `count` values: the weighted sum of `taps` rows that begin `stride` values after one another.
void nc_blend_rows(
    const uint8_t *rows, size_t stride, const int32_t *weights, size_t taps, uint8_t *y, size_t count);

/// Treat denormals as zero on the calling thread: they slow convolutions down a hundredfold.
void nc_flush_denormals(void);

/// Whether the calling thread came from finite numbers to one that is not, by overflow, by division by zero or by an invalid
/// operation, since it last forgot: the processor keeps count of it for nothing. Copies do not count, and comparisons only
/// with NaN.
void nc_forget_overflow(void);
int nc_overflowed(void);
/// Has the calling thread count as one that did.
void nc_tell_overflow(void);

#endif
