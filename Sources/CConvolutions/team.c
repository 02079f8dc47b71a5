#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "convolver.h"

#include <dlfcn.h>
#include <pthread.h>

// Uses the OpenMP threads of oneDNN: a second pool would compete for the processors. Looked up by name, because neither the
// compiler nor every platform has OpenMP.

typedef struct {
    void (*parallel)(void (*body)(void *), void *context, unsigned threads, unsigned flags);
    int (*thread)(void);
    int (*threads)(void);
} openmp;

static openmp library;

static void find_library(void) {
    library.parallel = (void (*)(void (*)(void *), void *, unsigned, unsigned))dlsym(RTLD_DEFAULT, "GOMP_parallel");
    library.thread = (int (*)(void))dlsym(RTLD_DEFAULT, "omp_get_thread_num");
    library.threads = (int (*)(void))dlsym(RTLD_DEFAULT, "omp_get_num_threads");
}

typedef struct {
    size_t count;
    void (*body)(void *context, size_t index);
    void *context;
} task;

/// Runs on every thread of the team, which can be smaller than requested.
static void run_share(void *context) {
    const task *t = context;
    const size_t threads = (size_t)library.threads();
    for (size_t index = (size_t)library.thread(); index < t->count; index += threads) t->body(t->context, index);
}

// The thread sanitizer does not see how OpenMP threads synchronize, and reports all shared data as races.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NC_ONE_THREAD
#endif
#endif
#ifdef NC_ONE_THREAD
static const int has_threads = 0;
#else
static const int has_threads = 1;
#endif

void nc_spread(size_t count, void (*body)(void *context, size_t index), void *context) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_library);
    if (has_threads && count > 1 && library.parallel && library.thread && library.threads) {
        task t = {.count = count, .body = body, .context = context};
        library.parallel(run_share, &t, (unsigned)count, 0);
    } else {
        for (size_t index = 0; index < count; index++) body(context, index);
    }
}
