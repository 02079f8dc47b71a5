/*
 * Makes the system calls of a program fail, for faults.py: cc -shared -fPIC, LD_PRELOAD.
 *
 * FAULT=eintr   every second read, write and fsync is interrupted by a signal
 * FAULT=short   reads and writes do a part of what they are asked for
 * FAULT=kill    SIGKILL at the FAULT_AT-th call that changes a file; of a write, half is done first
 * FAULT=int     SIGINT there, and then a moment's pause
 * FAULT=fail    that call gives EIO
 * FAULT=full    no write after the FAULT_AT-th call that changes a file finds space
 * FAULT=slow    every write takes FAULT_AT milliseconds
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *mode = "";
static long at;
static atomic_long calls, interruptions;

__attribute__((constructor)) static void begin(void) {
    if (getenv("FAULT")) mode = getenv("FAULT");
    if (getenv("FAULT_AT")) at = atol(getenv("FAULT_AT"));
}

static int is(const char *name) { return strcmp(mode, name) == 0; }

static int is_file(int fd) {
    struct stat status;
    return fd > 2 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Whether the call at hand, which changes a file, is to fail. */
static int strikes(int is_write) {
    long call = ++calls;
    if (is("slow") && is_write) usleep(at * 1000);
    if (is("kill") && call == at && !is_write) kill(getpid(), SIGKILL);
    if (is("int") && call == at) {
        kill(getpid(), SIGINT);
        usleep(20000);
    }
    if (is("fail") && call == at) return errno = EIO;
    if (is("full") && call >= at && is_write) return errno = ENOSPC;
    return 0;
}

static int interrupted(void) { return is("eintr") && ++interruptions % 2 ? (errno = EINTR) : 0; }
static size_t part(size_t count) { return is("short") && count > 1 ? (count + 2) / 3 : count; }

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #name)
#define READ(name, parameters, ...) \
    ssize_t name parameters { REAL(name); return is_file(fd) && interrupted() ? -1 : real(__VA_ARGS__); }
#define WRITE(name, parameters, half, whole) \
    ssize_t name parameters { \
        REAL(name); \
        if (!is_file(fd)) return real whole; \
        if (interrupted() || strikes(1)) return -1; \
        if (is("kill") && calls == at) { count /= 2; real whole; kill(getpid(), SIGKILL); } \
        return real half; \
    }
READ(read, (int fd, void *bytes, size_t count), fd, bytes, part(count))
READ(pread, (int fd, void *bytes, size_t count, off_t place), fd, bytes, part(count), place)
READ(pread64, (int fd, void *bytes, size_t count, off64_t place), fd, bytes, part(count), place)
WRITE(write, (int fd, const void *bytes, size_t count), (fd, bytes, part(count)), (fd, bytes, count))
WRITE(pwrite, (int fd, const void *bytes, size_t count, off_t place), (fd, bytes, part(count), place),
      (fd, bytes, count, place))
WRITE(pwrite64, (int fd, const void *bytes, size_t count, off64_t place), (fd, bytes, part(count), place),
      (fd, bytes, count, place))

int fsync(int fd) { REAL(fsync); return interrupted() || strikes(0) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return interrupted() || strikes(0) ? -1 : real(fd); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); return strikes(0) ? -1 : real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); return strikes(0) ? -1 : real(fd, size); }
int rename(const char *from, const char *to) { REAL(rename); return strikes(0) ? -1 : real(from, to); }
int link(const char *from, const char *to) { REAL(link); return strikes(0) ? -1 : real(from, to); }

/* Deleting is told, and not refused: nobody can leave no file behind on a disk that deletes none. */
int unlink(const char *path) {
    REAL(unlink);
    if (!is("fail")) strikes(0);
    return real(path);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        int mode_bits = va_arg(rest, int); \
        va_end(rest); \
        return (flags & (O_CREAT | O_TRUNC)) && strikes(0) ? -1 : real(path, flags, mode_bits); \
    }
OPEN(open)
OPEN(open64)
