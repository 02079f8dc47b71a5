#define _GNU_SOURCE
#include "hdf5_driver.h"

#include <crash_guard.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/// Bytes of a failed write.
typedef struct lost_bytes {
    struct lost_bytes *next;
    haddr_t place;
    size_t count;
    unsigned char bytes[];
} lost_bytes;

struct nc_hdf5_disk {
    /// The caller, and the library's open file.
    int owners;
    /// −1 once the file is closed.
    int descriptor;
    /// The first errno.
    int failure;
    /// In the order they were written.
    lost_bytes *first_lost, **last_lost;
};

/// The library's view of the file.
typedef struct {
    /// The library's own part comes first.
    H5FD_t common;
    nc_hdf5_disk *disk;
    /// The ends of the allocated and of the written space.
    haddr_t allocated, written;
} driver_file;

static nc_hdf5_disk *disk_of(const H5FD_t *file) { return ((const driver_file *)file)->disk; }

static void note_failure(nc_hdf5_disk *disk) {
    if (!disk->failure) disk->failure = errno ? errno : EIO;
}

// The disk

nc_hdf5_disk *nc_hdf5_disk_open(const char *path) {
    int descriptor = nc_guard_open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC);
    if (descriptor < 0) return NULL;
    nc_hdf5_disk *disk = calloc(1, sizeof *disk);
    if (!disk) {
        close(descriptor);
        errno = ENOMEM;
        return NULL;
    }
    disk->owners = 1;
    disk->descriptor = descriptor;
    disk->last_lost = &disk->first_lost;
    return disk;
}

int nc_hdf5_disk_failure(const nc_hdf5_disk *disk) { return disk->failure; }

void nc_hdf5_disk_close(nc_hdf5_disk *disk) {
    if (disk->descriptor < 0) return;
    if (close(disk->descriptor) != 0) note_failure(disk);
    disk->descriptor = -1;
}

static void give_up(nc_hdf5_disk *disk) {
    if (--disk->owners > 0) return;
    nc_hdf5_disk_close(disk);
    for (lost_bytes *lost = disk->first_lost, *next; lost; lost = next) {
        next = lost->next;
        free(lost);
    }
    free(disk);
}

void nc_hdf5_disk_release(nc_hdf5_disk *disk) { give_up(disk); }

static int write_all(int descriptor, haddr_t place, size_t count, const unsigned char *bytes) {
    while (count > 0) {
        ssize_t written = pwrite(descriptor, bytes, count < SSIZE_MAX ? count : SSIZE_MAX, (off_t)place);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            if (written == 0) errno = ENOSPC;
            return -1;
        }
        place += (haddr_t)written;
        count -= (size_t)written;
        bytes += written;
    }
    return 0;
}

/// Reads a part of the file. Bytes after its end are zeros, as in a file with holes.
static int read_all(int descriptor, haddr_t place, size_t count, unsigned char *bytes) {
    while (count > 0) {
        ssize_t read = pread(descriptor, bytes, count < SSIZE_MAX ? count : SSIZE_MAX, (off_t)place);
        if (read < 0 && errno == EINTR) continue;
        if (read < 0) return -1;
        if (read == 0) {
            memset(bytes, 0, count);
            return 0;
        }
        place += (haddr_t)read;
        count -= (size_t)read;
        bytes += read;
    }
    return 0;
}

/// Keeps lost bytes. Without memory they read as zeros: the file is discarded anyway.
static void keep(nc_hdf5_disk *disk, haddr_t place, size_t count, const void *bytes) {
    lost_bytes *lost = malloc(sizeof *lost + count);
    if (!lost) return;
    *lost = (lost_bytes){.place = place, .count = count};
    memcpy(lost->bytes, bytes, count);
    *disk->last_lost = lost;
    disk->last_lost = &lost->next;
}

/// Copies lost bytes over bytes that were read.
static void restore(const nc_hdf5_disk *disk, haddr_t place, size_t count, unsigned char *bytes) {
    for (const lost_bytes *lost = disk->first_lost; lost; lost = lost->next) {
        haddr_t start = place > lost->place ? place : lost->place;
        haddr_t end = place + count < lost->place + lost->count ? place + count : lost->place + lost->count;
        if (start < end) memcpy(bytes + (start - place), lost->bytes + (start - lost->place), (size_t)(end - start));
    }
}

// Callbacks of the library

static H5FD_t *open_file(const char *name, unsigned flags, hid_t access, haddr_t end) {
    (void)name, (void)flags, (void)end;
    nc_hdf5_disk *const *disk = H5Pget_driver_info(access);
    driver_file *file = disk ? calloc(1, sizeof *file) : NULL;
    if (!file) return NULL;
    file->disk = *disk;
    file->disk->owners++;
    return &file->common;
}

static herr_t close_file(H5FD_t *file) {
    give_up(disk_of(file));
    free(file);
    return 0;
}

/// The flags of the library's own file driver, so that the file has the same layout.
static herr_t query(const H5FD_t *file, unsigned long *flags) {
    (void)file;
    if (flags)
        *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE
            | H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t get_allocated(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const driver_file *)file)->allocated;
}

static herr_t set_allocated(H5FD_t *file, H5FD_mem_t type, haddr_t end) {
    (void)type;
    ((driver_file *)file)->allocated = end;
    return 0;
}

static haddr_t get_written(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const driver_file *)file)->written;
}

static herr_t read_bytes(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t place, size_t count, void *bytes) {
    (void)type, (void)transfer;
    nc_hdf5_disk *disk = disk_of(file);
    if (read_all(disk->descriptor, place, count, bytes) != 0) {
        note_failure(disk);
        memset(bytes, 0, count);
    }
    restore(disk, place, count, bytes);
    return 0;
}

static herr_t write_bytes(
    H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t place, size_t count, const void *bytes) {
    (void)type, (void)transfer;
    nc_hdf5_disk *disk = disk_of(file);
    driver_file *own = (driver_file *)file;
    if (!disk->failure && write_all(disk->descriptor, place, count, bytes) != 0) note_failure(disk);
    if (disk->failure) keep(disk, place, count, bytes);
    if (place + count > own->written) own->written = place + count;
    return 0;
}

static herr_t truncate_file(H5FD_t *file, hid_t transfer, hbool_t closing) {
    (void)transfer, (void)closing;
    nc_hdf5_disk *disk = disk_of(file);
    driver_file *own = (driver_file *)file;
    if (own->written == own->allocated) return 0;
    if (!disk->failure) {
        int status;
        do status = ftruncate(disk->descriptor, (off_t)own->allocated);
        while (status != 0 && errno == EINTR);
        if (status != 0) note_failure(disk);
    }
    own->written = own->allocated;
    return 0;
}

static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    // From the range for private drivers.
    .value = (H5FD_class_value_t)487,
#endif
    .name = "normconv",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(nc_hdf5_disk *),
    .open = open_file,
    .close = close_file,
    .query = query,
    .get_eoa = get_allocated,
    .set_eoa = set_allocated,
    .get_eof = get_written,
    .read = read_bytes,
    .write = write_bytes,
    .truncate = truncate_file,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

int nc_hdf5_disk_use(nc_hdf5_disk *disk, int64_t access) {
    static hid_t identifier = H5I_INVALID_HID;
    if (identifier < 0) identifier = H5FDregister(&driver);
    return identifier < 0 ? -1 : H5Pset_driver(access, identifier, &disk);
}
