// Files that libhdf5 writes through a driver of ours, which keeps a failing disk from it.
//
// The library does not take a write that fails: 1.10 reads through a null pointer where a copy finds the disk full, and
// it may end well with a damaged file. This driver therefore never tells it. It notes the first failure, which the
// caller asks for after every call of the library, and keeps what could not be written in memory, so that the library
// reads what it wrote until it is left alone.
#ifndef NORMCONV_HDF5_DRIVER_H
#define NORMCONV_HDF5_DRIVER_H

#include <stdint.h>

/// A file on the disk. All calls, those of libhdf5 included, are made by one thread at a time.
typedef struct nc_hdf5_disk nc_hdf5_disk;

/// Creates a file, or empties it; NULL where the system refuses, with `errno` saying why.
nc_hdf5_disk *nc_hdf5_disk_open(const char *path);

/// Makes a file access property list (`hid_t`) lead to the file, whatever name the library is then given. Negative where
/// the library refuses.
int nc_hdf5_disk_use(nc_hdf5_disk *disk, int64_t access);

/// The first `errno` of what could not be written; 0 where all was.
int nc_hdf5_disk_failure(const nc_hdf5_disk *disk);

/// Closes the descriptor. Some file systems tell only now that they are full,
/// which `nc_hdf5_disk_failure` then says. What the library still writes after that is a failure.
void nc_hdf5_disk_close(nc_hdf5_disk *disk);

/// Closes the descriptor and gives the memory back, once the library has closed the file too.
void nc_hdf5_disk_release(nc_hdf5_disk *disk);

#endif
