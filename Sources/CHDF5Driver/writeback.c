#define _GNU_SOURCE
#include "writeback.h"

#include <crash_guard.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

/// At least so many bytes at a time: a disk takes about as long for them as it takes to compute the next ones.
static const size_t part = 8 << 20;

void nc_writeback_init(nc_writeback *writeback, int descriptor) {
    *writeback = (nc_writeback){.descriptor = descriptor};
    pthread_mutex_init(&writeback->lock, NULL);
    pthread_cond_init(&writeback->changed, NULL);
}

static int synchronize(int descriptor) {
    int status;
#if defined(__APPLE__)
    do status = fsync(descriptor);
#else
    do status = fdatasync(descriptor);
#endif
    while (status != 0 && errno == EINTR);
    return status == 0 ? 0 : errno;
}

static void *run(void *argument) {
    nc_writeback *writeback = argument;
    pthread_mutex_lock(&writeback->lock);
    for (;;) {
        while (!writeback->ends && writeback->waiting < part)
            pthread_cond_wait(&writeback->changed, &writeback->lock);
        if (writeback->ends) break;
        writeback->waiting = 0;
        pthread_mutex_unlock(&writeback->lock);
        int failure = synchronize(writeback->descriptor);
        pthread_mutex_lock(&writeback->lock);
        writeback->failure = failure;
        if (failure) break;
    }
    pthread_mutex_unlock(&writeback->lock);
    return NULL;
}

/// Without a thread the file is brought to the disk in the end, all at once.
static void start(nc_writeback *writeback) {
    sigset_t before;
    // Signals are for the threads that wait for them.
    nc_guard_block_signals(&before);
    writeback->runs = pthread_create(&writeback->thread, NULL, run, writeback) == 0;
    nc_guard_restore_signals(&before);
}

int nc_writeback_add(nc_writeback *writeback, size_t count) {
    pthread_mutex_lock(&writeback->lock);
    writeback->waiting += count;
    if (writeback->waiting >= part) {
        if (!writeback->runs) start(writeback);
        pthread_cond_signal(&writeback->changed);
    }
    int failure = writeback->failure;
    pthread_mutex_unlock(&writeback->lock);
    return failure;
}

int nc_writeback_stop(nc_writeback *writeback) {
    pthread_mutex_lock(&writeback->lock);
    writeback->ends = true;
    pthread_cond_signal(&writeback->changed);
    pthread_mutex_unlock(&writeback->lock);
    if (writeback->runs) pthread_join(writeback->thread, NULL);
    pthread_mutex_destroy(&writeback->lock);
    pthread_cond_destroy(&writeback->changed);
    return writeback->failure;
}
