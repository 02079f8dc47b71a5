#if defined(__linux__)
#define _GNU_SOURCE
#include "signal_storm.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* What a handler saw. */
typedef struct {
    void *code;
    char thread[16];
} sample;

enum { most_samples = 1 << 20 };
static sample samples[most_samples];
static atomic_long handled, sent;
static atomic_int stops;
static pthread_t sender;
static const int numbers[] = {SIGURG, SIGALRM, SIGPROF};

static void handle(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    const long place = atomic_fetch_add(&handled, 1);
    if (place >= most_samples) return;
#if defined(__x86_64__)
    samples[place].code = (void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    samples[place].code = (void *)((ucontext_t *)context)->uc_mcontext.pc;
#endif
    prctl(PR_GET_NAME, samples[place].thread);
}

/* To one thread of the process, or to whichever the system chooses; a millisecond until the next. */
static void send_to(pid_t thread) {
    const int number = numbers[atomic_fetch_add(&sent, 1) % 3];
    if (thread > 0) {
        syscall(SYS_tgkill, getpid(), thread, number);
    } else {
        kill(getpid(), number);
    }
    nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static void *storm(void *unused) {
    (void)unused;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    const pid_t own = (pid_t)syscall(SYS_gettid);
    while (!atomic_load(&stops)) {
        DIR *threads = opendir("/proc/self/task");
        if (!threads) return NULL;
        for (struct dirent *entry; (entry = readdir(threads)) && !atomic_load(&stops);) {
            const pid_t thread = (pid_t)atoi(entry->d_name);
            if (thread <= 0 || thread == own) continue;
            send_to(thread);
            send_to(0);
        }
        closedir(threads);
    }
    return NULL;
}

void storm_start(void) {
    // On the stack of the thread that is interrupted, as a profiler's.
    struct sigaction action = {0};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 3; i++) sigaction(numbers[i], &action, NULL);
    atomic_store(&stops, 0);
    pthread_create(&sender, NULL, storm, NULL);
}

void storm_stop(void) {
    atomic_store(&stops, 1);
    pthread_join(sender, NULL);
}

long storm_sent(void) { return atomic_load(&sent); }

long storm_handled(void) { return atomic_load(&handled); }

/* The library where a thread was, if it is one that must not be interrupted; code that belongs to no file was generated. */
static const char *forbidden(const sample *taken) {
    if (strcmp(taken->thread, "normconv worker") == 0) return "a worker";
    Dl_info where;
    if (!dladdr(taken->code, &where) || !where.dli_fname) return "generated code";
    static const char *const libraries[] = {"libdnnl", "libgomp"};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        if (strstr(where.dli_fname, libraries[i])) return libraries[i];
    }
    return NULL;
}

long storm_misplaced(void) {
    const long count = atomic_load(&handled);
    long misplaced = 0;
    for (long i = 0; i < count && i < most_samples; i++) {
        const char *where = forbidden(&samples[i]);
        if (!where) continue;
        Dl_info near = {0};
        dladdr(samples[i].code, &near);
        if (misplaced++ == 0) {
            fprintf(
                stderr, "a handler ran on thread '%s', in %s, after %s\n", samples[i].thread, where,
                near.dli_sname ? near.dli_sname : "no symbol");
        }
    }
    return misplaced;
}

#ifdef STORM_PRELOAD
/* For any program, without a change: loaded before the C library, it begins with `main`. At the program's regular end the file
 * named STORM_REPORT gets what was seen. */
typedef int (*main_function)(int, char **, char **);
typedef int (*start_function)(main_function, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

static void report(void) {
    storm_stop();
    FILE *file = fopen(getenv("STORM_REPORT"), "w");
    if (!file) return;
    fprintf(file, "%ld %ld %ld\n", storm_sent(), storm_handled(), storm_misplaced());
    fclose(file);
}

int __libc_start_main(
    main_function main, int count, char **arguments, void (*init)(void), void (*fini)(void), void (*loader_fini)(void),
    void *stack_end) {
    const start_function start = (start_function)dlsym(RTLD_NEXT, "__libc_start_main");
    storm_start();
    atexit(report);
    return start(main, count, arguments, init, fini, loader_fini, stack_end);
}
#endif
#else
#include "signal_storm.h"

void storm_start(void) {}
void storm_stop(void) {}
long storm_sent(void) { return 0; }
long storm_handled(void) { return 0; }
long storm_misplaced(void) { return 0; }
#endif
