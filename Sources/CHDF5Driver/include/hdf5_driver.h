// Files that libhdf5 writes through this driver, which hides failed writes from the library.
//
// libhdf5 does not handle failed writes: 1.10 reads through a null pointer if the disk is full during a copy, and it can
// report success for a damaged file. This driver therefore reports no failure to it. It records the first one, which the
// caller must check after every call of the library, and keeps the lost bytes in memory, so that the library reads what it
// wrote.
#ifndef NORMCONV_HDF5_DRIVER_H
#define NORMCONV_HDF5_DRIVER_H

#include <stdint.h>

/// A file on the disk. All calls, those of libhdf5 included, are made by one thread at a time.
typedef struct nc_hdf5_disk nc_hdf5_disk;

/// Creates a file, or empties it. NULL on failure, with the reason in `errno`.
nc_hdf5_disk *nc_hdf5_disk_open(const char *path);

/// Makes a file access property list (`hid_t`) use the file, under any name given to the library. Negative on failure.
int nc_hdf5_disk_use(nc_hdf5_disk *disk, int64_t access);

/// The `errno` of the first failed write; 0 if there was none.
int nc_hdf5_disk_failure(const nc_hdf5_disk *disk);

/// Closes the descriptor. Some file systems report only now that they are full; `nc_hdf5_disk_failure` returns that. Later
/// writes of the library are failures.
void nc_hdf5_disk_close(nc_hdf5_disk *disk);

/// Closes the descriptor and frees the memory. Call it after the library has closed the file.
void nc_hdf5_disk_release(nc_hdf5_disk *disk);

#endif
