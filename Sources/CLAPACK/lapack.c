#include "lapack.h"

typedef void (*factorize_function)(const char *triangle, const int *n, double *a, const int *leading, int *info);
typedef void (*solve_function)(
    const char *triangle, const int *n, const int *columns, const double *a, const int *leading_a, double *b,
    const int *leading_b, int *info);

#if defined(__linux__)
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

// OpenBLAS starts threads when it is loaded, and they spin for a while. Therefore it is loaded only when needed.
static factorize_function factorize;
static solve_function solve;
/// NULL unless LAPACK is OpenBLAS.
static void (*set_threads)(int);
static char failure[256];

static void load(void) {
    void *library = dlopen("liblapack.so.3", RTLD_NOW | RTLD_LOCAL);
    if (library) {
        factorize = (factorize_function)dlsym(library, "dpotrf_");
        solve = (solve_function)dlsym(library, "dpotrs_");
        set_threads = (void (*)(int))dlsym(library, "openblas_set_num_threads");
    }
    if (factorize && solve) return;
    const char *reason = library ? "liblapack.so.3: dpotrf_ or dpotrs_ is missing" : dlerror();
    snprintf(failure, sizeof failure, "%s", reason ? reason : "liblapack.so.3 cannot be loaded");
}

const char *nc_lapack_failure(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return failure[0] ? failure : 0;
}

/// Results must not depend on the number of cores. OpenBLAS with OpenMP has a number for each thread that calls.
static void use_one_thread(void) {
    if (set_threads) set_threads(1);
}
#else
extern void dpotrf_(const char *, const int *, double *, const int *, int *);
extern void dpotrs_(const char *, const int *, const int *, const double *, const int *, double *, const int *, int *);

static const factorize_function factorize = dpotrf_;
static const solve_function solve = dpotrs_;

const char *nc_lapack_failure(void) { return 0; }

static void use_one_thread(void) {}
#endif

int nc_cholesky(double *matrix, int n) {
    int info = 0;
    use_one_thread();
    factorize("L", &n, matrix, &n, &info);
    return info;
}

int nc_cholesky_solve(const double *factor, int n, double *right, int columns) {
    int info = 0;
    use_one_thread();
    solve("L", &n, &columns, factor, &n, right, &n, &info);
    return info;
}
