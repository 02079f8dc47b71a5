/*
 * The message and the cleanup if a C library crashes on a damaged file. Without an installed handler these functions only
 * record state.
 */
#ifndef NORMCONV_CRASH_GUARD_H
#define NORMCONV_CRASH_GUARD_H

#include <signal.h>

/* Installs the handler of SIGSEGV, SIGBUS, SIGFPE and SIGABRT. If a thread crashes inside a library, or anywhere after a
 * library failed, it prints the library and the file, deletes the temporary files and exits with code 1. On Linux it does
 * the same if a thread computes inside a library for `seconds`: an endless loop on a damaged file. Other crashes, such as
 * Swift's own checks (SIGILL, SIGTRAP), remain crashes, but also leave no temporary file. */
void nc_guard_install(unsigned seconds);

/* Blocks all signals except those of a crash in this thread; `before`, which may be NULL, receives the previous mask. oneDNN's
 * matrix product (before 3.11.2) keeps the stack pointer in heap memory, where the frame of a signal handler would overwrite
 * other data. */
void nc_guard_block_signals(sigset_t *before);
void nc_guard_restore_signals(const sigset_t *before);

/* The first call of a computing thread: blocks signals permanently, and gives the crash handler, if installed, a separate
 * stack on this thread. */
void nc_guard_begin_thread(void);

/* This thread enters a library, and leaves it. Can be nested. One thread at a time. */
void nc_guard_enter(const char *library);
void nc_guard_leave(void);

/* The object that the library reads on this thread, for the message. Cut after 1,000 bytes; control characters become '?'. */
void nc_guard_place(const char *place);

/* Records the first place where a library failed: its memory may be damaged since then. */
void nc_guard_suspect(void);

/* Creates an empty file that a crash deletes, and opens it for reading and writing. -1 and errno on failure, for example if
 * there are 64 already. The file must not exist. */
int nc_guard_create_temporary(const char *path);
/* Deletes such a file, if it has not been renamed, and forgets it. */
void nc_guard_delete_temporary(const char *path);
/* `open` for outputs, with mode 0666. Never recreates a temporary file after they were deleted for the last time. */
int nc_guard_open(const char *path, int flags);
/* Deletes all of them before the process ends. Threads that create, open or delete others wait from then on. */
void nc_guard_delete_temporaries_for_good(void);

#endif
