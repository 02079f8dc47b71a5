// Vector kernels over a convolution's filters, one after another or as rows of output channels.
#ifndef NORMCONV_FILTERS_H
#define NORMCONV_FILTERS_H

#include <stddef.h>

/// w = (w − shift·step)·scale for each of `count` output channels of a kernel's row.
void nc_standardize_row(float *w, size_t count, double step, const double *shift, const double *scale);

/// w = (w − shift·step)·scale for each of the `count` weights of a filter, with a step for each.
void nc_standardize_filter(float *w, size_t count, const double *step, double shift, double scale);

/// Adds w, a·w and q·w² over the `count` weights of a filter to three sums, in four partial sums each.
void nc_add_filter(
    const float *w, size_t count, const double *a, const double *q, double *plain, double *linear, double *quadratic);

#endif
