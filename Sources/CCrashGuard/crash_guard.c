#include "crash_guard.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { place_bytes = 1001, path_bytes = 4096, most_temporaries = 16 };

static _Thread_local int depth;
static _Thread_local const char *library;
static _Thread_local char place[place_bytes];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char temporaries[most_temporaries][path_bytes];

void nc_guard_enter(const char *name) {
    library = name;
    depth += 1;
}

void nc_guard_leave(void) { depth -= 1; }

void nc_guard_place(const char *text) {
    size_t length = strlen(text);
    if (length >= place_bytes) length = place_bytes - 1;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        place[i] = byte < 32 || byte == 127 ? '?' : text[i];
    }
    place[length] = 0;
}

void nc_guard_add_temporary(const char *path) {
    if (strlen(path) >= path_bytes) return;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < most_temporaries; i++) {
        if (temporaries[i][0] == 0) {
            strcpy(temporaries[i], path);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

void nc_guard_remove_temporary(const char *path) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < most_temporaries; i++) {
        if (strcmp(temporaries[i], path) == 0) temporaries[i][0] = 0;
    }
    pthread_mutex_unlock(&lock);
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

/* Only what may be called in a signal handler; the memory may be damaged. */
static void handle(int number) {
    if (depth <= 0) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    for (int i = 0; i < most_temporaries; i++) {
        if (temporaries[i][0] != 0) unlink(temporaries[i]);
    }
    say("Error: ");
    say(place);
    say(": ");
    say(library);
    say(" crashed over it (");
    say(name(number));
    say("), expected a file that is not damaged\n");
    _exit(1);
}

void nc_guard_install(void) {
    /* A stack of its own: the crash may be that the other one is full. */
    static char stack[1 << 16];
    stack_t alternative = {0};
    alternative.ss_sp = stack;
    alternative.ss_size = sizeof stack;
    sigaltstack(&alternative, NULL);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}
