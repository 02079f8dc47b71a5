#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "crash_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define nc_sanitized
#endif
#endif

enum { place_bytes = 1001, path_bytes = 4096, most_temporaries = 64, stack_bytes = 1 << 16 };

/* Whether this thread is inside a library. The rest is the state of the thread that is inside. */
static _Thread_local int depth;
static int is_installed;
static const char *library = "";
static char place[place_bytes];
/* The first place where a library failed. Its memory may be damaged since then. */
static char suspect[place_bytes];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Files are made and deleted under the lock, so that no moment hides one from `nc_guard_delete_temporaries_for_good`. */
static char temporaries[most_temporaries][path_bytes];

#ifdef __linux__
/* The watchdog's state of the thread that is inside: the number of entries and exits, odd while a thread is inside, and the
 * clock of its processor time. */
static atomic_ulong passages;
static atomic_int inside_clock;
static unsigned most_seconds;

static void enter_clock(void) {
    clockid_t clock;
    if (most_seconds == 0 || pthread_getcpuclockid(pthread_self(), &clock) != 0) return;
    atomic_store(&inside_clock, clock);
    atomic_fetch_add(&passages, 1);
}

static void leave_clock(void) {
    if (atomic_load(&passages) % 2 == 1) atomic_fetch_add(&passages, 1);
}
#else
static void enter_clock(void) {}
static void leave_clock(void) {}
#endif

/* A separate stack for the handler, one per thread, because a crash can be a stack overflow. The address sanitizer has its
 * own. */
static void add_stack(void) {
#ifndef nc_sanitized
    static _Thread_local char stack[stack_bytes];
    static _Thread_local int is_there;
    if (is_there || !is_installed) return;
    stack_t alternative = {0};
    alternative.ss_sp = stack;
    alternative.ss_size = sizeof stack;
    is_there = sigaltstack(&alternative, NULL) == 0;
#endif
}

void nc_guard_enter(const char *name) {
    library = name;
    if (depth++ > 0) return;
    add_stack();
    enter_clock();
}

void nc_guard_leave(void) {
    if (--depth == 0) leave_clock();
}

void nc_guard_place(const char *text) {
    size_t length = strlen(text);
    if (length >= place_bytes) length = place_bytes - 1;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        place[i] = byte < 32 || byte == 127 ? '?' : text[i];
    }
    place[length] = 0;
}

void nc_guard_suspect(void) {
    if (suspect[0] == 0) memcpy(suspect, place, place_bytes);
}

int nc_guard_create_temporary(const char *path) {
    if (strlen(path) >= path_bytes) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int descriptor = -1;
    pthread_mutex_lock(&lock);
    int place = 0;
    while (place < most_temporaries && temporaries[place][0] != 0) place++;
    if (place == most_temporaries) {
        errno = EMFILE;
    } else {
        descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
        if (descriptor >= 0) strcpy(temporaries[place], path);
    }
    pthread_mutex_unlock(&lock);
    return descriptor;
}

void nc_guard_delete_temporary(const char *path) {
    pthread_mutex_lock(&lock);
    unlink(path);
    for (int i = 0; i < most_temporaries; i++) {
        if (strcmp(temporaries[i], path) == 0) temporaries[i][0] = 0;
    }
    pthread_mutex_unlock(&lock);
}

int nc_guard_open(const char *path, int flags) {
    pthread_mutex_lock(&lock);
    int descriptor = open(path, flags, 0666);
    pthread_mutex_unlock(&lock);
    return descriptor;
}

/* Reads the list without the lock: in a crash its owner may never release it. */
static void delete_all(void) {
    for (int i = 0; i < most_temporaries; i++) {
        if (temporaries[i][0] != 0) unlink(temporaries[i]);
    }
}

void nc_guard_delete_temporaries_for_good(void) {
    pthread_mutex_lock(&lock);
    delete_all();
}

static void say(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

static const char *name(int number) {
    switch (number) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    default: return "SIGABRT";
    }
}

/* Prints the error and exits. Calls only async-signal-safe functions; the memory may be damaged. */
static void end(const char *where, const char *what, const char *how) {
    delete_all();
    const char *parts[] = {"Error: ", where, ": ", library, what, how, ": the file is damaged\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) say(parts[i]);
    _exit(1);
}

/* SIGILL and SIGTRAP come from Swift's own checks: an index out of range, an overflow. */
static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGTRAP};
enum { crash_count = sizeof crashes / sizeof *crashes };

/* Calls the previous handler: Swift may print a backtrace. */
static struct sigaction before[crash_count];

static void handle(int number) {
    if (number != SIGILL && number != SIGTRAP) {
        if (depth > 0) end(place, " crashed on it with ", name(number));
        // Not inside. If the library failed before, it may have damaged other memory; glibc detects that with SIGABRT.
        if (suspect[0] != 0) end(suspect, " failed on it and crashed afterwards with ", name(number));
    }
    // A fault of this program: a normal crash, without leftover files.
    delete_all();
    for (int i = 0; i < crash_count; i++) {
        if (crashes[i] == number) sigaction(number, &before[i], NULL);
    }
    raise(number);
}

#ifdef __linux__
/* Checks the thread that is inside once a second, and ends the process if one call takes too much processor time. A separate
 * thread, because a timer's signal would interrupt computing threads. */
static void *watch(void *unused) {
    (void)unused;
    unsigned long watched = 0;
    struct timespec first = {0}, now;
    for (;;) {
        nanosleep(&(struct timespec){1, 0}, NULL);
        const unsigned long passage = atomic_load(&passages);
        const int is_inside = passage % 2 == 1 && clock_gettime(atomic_load(&inside_clock), &now) == 0;
        // If the thread has left meanwhile, the clock may belong to the next one.
        if (!is_inside || atomic_load(&passages) != passage) continue;
        if (passage != watched) {
            watched = passage;
            first = now;
        } else if (now.tv_sec - first.tv_sec >= (time_t)most_seconds) {
            end(place, " did not finish reading it", "");
        }
    }
    return NULL;
}

static void start_watchdog(void) {
    sigset_t before;
    pthread_t thread;
    nc_guard_block_signals(&before);
    if (pthread_create(&thread, NULL, watch, NULL) == 0) pthread_detach(thread);
    nc_guard_restore_signals(&before);
}
#endif

static void install(int number, void (*handler)(int), int flags, struct sigaction *old) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, old);
}

static sigset_t asynchronous(void) {
    sigset_t signals;
    sigfillset(&signals);
    for (int i = 0; i < crash_count; i++) sigdelset(&signals, crashes[i]);
    return signals;
}

void nc_guard_block_signals(sigset_t *before) {
    const sigset_t signals = asynchronous();
    pthread_sigmask(SIG_BLOCK, &signals, before);
}

void nc_guard_restore_signals(const sigset_t *before) { pthread_sigmask(SIG_SETMASK, before, NULL); }

void nc_guard_begin_thread(void) {
    // Set, not added to what the thread that made this one has blocked: that may be a crash's (libdispatch).
    const sigset_t signals = asynchronous();
    pthread_sigmask(SIG_SETMASK, &signals, NULL);
    add_stack();
}

void nc_guard_install(unsigned seconds) {
#ifdef __linux__
    most_seconds = seconds;
    if (!is_installed && seconds > 0) start_watchdog();
#else
    (void)seconds;
#endif
    if (is_installed) return;
    for (int i = 0; i < crash_count; i++) install(crashes[i], handle, SA_ONSTACK | SA_NODEFER, &before[i]);
    is_installed = 1;
}
