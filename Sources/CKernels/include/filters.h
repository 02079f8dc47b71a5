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

/// Makes each of `rows` filters of `size` weights one of mean 0 and variance 1: (v − a)/√(variance + epsilon), with the
/// biased variance.
void nc_standardize_rows(float *w, size_t rows, size_t size, double epsilon);

/// Turns a gradient dw with respect to what `nc_standardize_rows` makes of `v` into one with respect to `v`, row by row:
/// (dw − mean(dw) − w·mean(dw·w))/s.
void nc_standardize_rows_back(float *dw, const float *v, size_t rows, size_t size, double epsilon);

#endif
