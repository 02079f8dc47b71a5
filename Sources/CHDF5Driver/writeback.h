// A thread that brings a growing file to the disk while the rest is computed, so that the final fsync has little left. Files
// below 8 MiB have none.
#ifndef NORMCONV_WRITEBACK_H
#define NORMCONV_WRITEBACK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int descriptor;
    bool runs, ends;
    /// Bytes written since the thread last began to bring them to the disk.
    size_t waiting;
    /// The first errno.
    int failure;
} nc_writeback;

void nc_writeback_init(nc_writeback *writeback, int descriptor);

/// Tells of bytes that were written. Returns the first `errno` of what could not be brought to the disk, which the system
/// tells only once; 0 as long as there is none.
int nc_writeback_add(nc_writeback *writeback, size_t count);

/// Ends the thread, which does not bring the rest to the disk. Returns as `nc_writeback_add` does.
int nc_writeback_stop(nc_writeback *writeback);

#endif
