#include "lapack.h"

#include <stddef.h>

typedef void (*factorize_function)(const char *triangle, const int *n, double *a, const int *leading, int *info);
typedef void (*solve_function)(
    const char *triangle, const int *n, const int *columns, const double *a, const int *leading_a, double *b,
    const int *leading_b, int *info);

#if defined(__linux__)
#include <dlfcn.h>
#include <pthread.h>

// OpenBLAS starts threads as it is loaded, which wait in a loop for a while: only what solves something loads it.
static factorize_function factorize;
static solve_function solve;

static void load(void) {
    void *library = dlopen("liblapack.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    // There where LAPACK is OpenBLAS. One thread: results must not depend on the number of cores.
    void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
    if (set_threads) set_threads(1);
    factorize = (factorize_function)dlsym(library, "dpotrf_");
    solve = (solve_function)dlsym(library, "dpotrs_");
}

static int is_loaded(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return factorize && solve;
}
#else
extern void dpotrf_(const char *, const int *, double *, const int *, int *);
extern void dpotrs_(const char *, const int *, const int *, const double *, const int *, double *, const int *, int *);

static const factorize_function factorize = dpotrf_;
static const solve_function solve = dpotrs_;

static int is_loaded(void) { return 1; }
#endif

int nc_cholesky(double *matrix, int n) {
    int info = 0;
    if (!is_loaded()) return NC_NO_LAPACK;
    factorize("L", &n, matrix, &n, &info);
    return info;
}

int nc_cholesky_solve(const double *factor, int n, double *right, int columns) {
    int info = 0;
    if (!is_loaded()) return NC_NO_LAPACK;
    solve("L", &n, &columns, factor, &n, right, &n, &info);
    return info;
}
