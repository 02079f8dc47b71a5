/*
 * What is said and cleaned up where a C library crashes over a damaged file. Without a handler installed all of this
 * only keeps notes.
 */
#ifndef NORMCONV_CRASH_GUARD_H
#define NORMCONV_CRASH_GUARD_H

#include <signal.h>

/* Says what crashed and over which file, deletes the temporary files, ends with exit code 1: for SIGSEGV, SIGBUS, SIGFPE
 * and SIGABRT of a thread that is inside a library, and for such a crash anywhere after a library failed. On Linux the same
 * where a thread stays inside for so many seconds of computing: an endless loop over a damaged file. Any other crash, with
 * those that Swift's own checks make (SIGILL, SIGTRAP), is ours and stays one, but leaves no temporary file either. */
void nc_guard_install(unsigned seconds);

/* Blocks all signals but those of a crash in this thread; `before`, which may be NULL, gets what was blocked. oneDNN's matrix
 * product (before 3.11.2) points the stack pointer into memory of the heap, where a signal's handler would write its frame over
 * other people's values. */
void nc_guard_block_signals(sigset_t *before);
void nc_guard_restore_signals(const sigset_t *before);

/* For a thread of ours that computes, first of all: blocks signals for good, and where the handler of crashes is installed gives
 * it a stack of its own here. */
void nc_guard_begin_thread(void);

/* This thread goes into a library, and comes out of it; may be nested. One thread at a time. */
void nc_guard_enter(const char *library);
void nc_guard_leave(void);

/* What this thread has the library look at, for the message. Cut after 1,000 bytes; control characters become '?'. */
void nc_guard_place(const char *place);

/* A library failed at this place, so that its memory may be damaged: the first such place is kept. */
void nc_guard_suspect(void);

/* Makes an empty file that is to be deleted in a crash, and opens it for reading and writing; -1 and errno where that cannot
 * be, as where 64 others are there. Nobody may have a file of that name. */
int nc_guard_create_temporary(const char *path);
/* Deletes such a file, if it has not been renamed, and forgets it. */
void nc_guard_delete_temporary(const char *path);
/* `open` for outputs, with mode 0666: none makes a temporary file anew that has been deleted for good. */
int nc_guard_open(const char *path, int flags);
/* Deletes all of them, and makes every thread wait that would make, open or delete another: before the process ends. */
void nc_guard_delete_temporaries_for_good(void);

#endif
