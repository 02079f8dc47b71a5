#include "lapack.h"

extern void dpotrf_(const char *triangle, const int *n, double *a, const int *leading, int *info);
extern void dpotrs_(
    const char *triangle, const int *n, const int *columns, const double *a, const int *leading_a, double *b,
    const int *leading_b, int *info);

#if defined(__linux__)
/// There where LAPACK is OpenBLAS. One thread: results must not depend on the number of cores.
extern void openblas_set_num_threads(int threads) __attribute__((weak));

static void nc_use_one_thread(void) {
    if (openblas_set_num_threads) openblas_set_num_threads(1);
}
#else
static void nc_use_one_thread(void) {}
#endif

int nc_cholesky(double *matrix, int n) {
    int info = 0;
    nc_use_one_thread();
    dpotrf_("L", &n, matrix, &n, &info);
    return info;
}

int nc_cholesky_solve(const double *factor, int n, double *right, int columns) {
    int info = 0;
    nc_use_one_thread();
    dpotrs_("L", &n, &columns, factor, &n, right, &n, &info);
    return info;
}
