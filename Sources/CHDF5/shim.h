/*
 * What Swift cannot import from hdf5.h, as functions: macros that call functions (H5T_NATIVE_FLOAT), macros with
 * casts (H5P_DEFAULT), and the few calls that changed between HDF5 1.10 and 1.14.
 */
#ifndef NORMCONV_CHDF5_SHIM_H
#define NORMCONV_CHDF5_SHIM_H

/* Object addresses instead of tokens, H5L_info_t as in 1.10, on every later version. */
#define H5_USE_110_API
#include <hdf5.h>

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

/* Defaults */
static inline hid_t chdf5_default(void) { return H5P_DEFAULT; }
static inline hid_t chdf5_all(void) { return H5S_ALL; }

/* File access flags */
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_truncate(void) { return H5F_ACC_TRUNC; }

/* The oldest object formats that can hold what is written; later libraries have a newer default. */
static inline herr_t chdf5_oldest_format(hid_t access) {
    return H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
}

/* Property list classes */
static inline hid_t chdf5_file_access_class(void) { return H5P_FILE_ACCESS; }
static inline hid_t chdf5_file_create_class(void) { return H5P_FILE_CREATE; }
static inline hid_t chdf5_group_create_class(void) { return H5P_GROUP_CREATE; }
static inline hid_t chdf5_dataset_create_class(void) { return H5P_DATASET_CREATE; }
static inline hid_t chdf5_link_create_class(void) { return H5P_LINK_CREATE; }

/* Types in memory */
static inline hid_t chdf5_native_int8(void) { return H5T_NATIVE_INT8; }
static inline hid_t chdf5_native_int16(void) { return H5T_NATIVE_INT16; }
static inline hid_t chdf5_native_int32(void) { return H5T_NATIVE_INT32; }
static inline hid_t chdf5_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t chdf5_native_uint8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t chdf5_native_uint16(void) { return H5T_NATIVE_UINT16; }
static inline hid_t chdf5_native_uint32(void) { return H5T_NATIVE_UINT32; }
static inline hid_t chdf5_native_uint64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t chdf5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t chdf5_native_double(void) { return H5T_NATIVE_DOUBLE; }

/* Types in files that are not native anywhere */
static inline hid_t chdf5_big_endian_float(void) { return H5T_IEEE_F32BE; }
static inline hid_t chdf5_big_endian_int64(void) { return H5T_STD_I64BE; }
static inline hid_t chdf5_object_reference(void) { return H5T_STD_REF_OBJ; }
static inline hid_t chdf5_c_string(void) { return H5T_C_S1; }
static inline size_t chdf5_variable_size(void) { return H5T_VARIABLE; }

/* Undefined values */
static inline haddr_t chdf5_undefined_address(void) { return HADDR_UNDEF; }
static inline hsize_t chdf5_unlimited(void) { return H5S_UNLIMITED; }

/* Creation order flags */
static inline unsigned chdf5_order_tracked(void) { return H5P_CRT_ORDER_TRACKED; }
static inline unsigned chdf5_order_indexed(void) { return H5P_CRT_ORDER_INDEXED; }

/* A 16-bit float in the byte order of this machine, made as h5py makes it; negative on failure. */
static inline hid_t chdf5_make_float16(size_t exponent_bits, size_t mantissa_bits, size_t bias) {
    hid_t type = H5Tcopy(H5T_NATIVE_FLOAT);
    if (type < 0) return type;
    if (H5Tset_fields(type, 15, mantissa_bits, exponent_bits, 0, mantissa_bits) < 0 || H5Tset_size(type, 2) < 0
        || H5Tset_ebias(type, bias) < 0) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

/* The bytes of an open file, on the disk or in memory, and the sizes of its numbers. */
typedef struct {
    /* -1 where the file is in memory. */
    int descriptor;
    const char *memory;
    uint64_t size;
    /* Size of the user block. Addresses count from its end. */
    uint64_t start;
    size_t address_bytes, length_bytes;
} chdf5_bytes;

/* Valid while the file is open; negative for drivers other than those of `HDF5File`. */
static inline herr_t chdf5_find_bytes(hid_t file, chdf5_bytes *bytes) {
    hid_t creation = H5Fget_create_plist(file), access = H5Fget_access_plist(file);
    hid_t driver = access >= 0 ? H5Pget_driver(access) : -1;
    hsize_t size = 0, start = 0;
    void *handle = NULL;
    herr_t status = -1;
    memset(bytes, 0, sizeof *bytes);
    bytes->descriptor = -1;
    if (creation >= 0 && H5Pget_userblock(creation, &start) >= 0
        && H5Pget_sizes(creation, &bytes->address_bytes, &bytes->length_bytes) >= 0 && H5Fget_filesize(file, &size) >= 0
        && H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 && handle && start <= size) {
        bytes->size = size;
        bytes->start = start;
        if (driver == H5FD_SEC2) bytes->descriptor = *(int *)handle;
        if (driver == H5FD_CORE) bytes->memory = *(char **)handle;
        status = bytes->descriptor >= 0 || bytes->memory ? 0 : -1;
    }
    if (access >= 0) H5Pclose(access);
    if (creation >= 0) H5Pclose(creation);
    return status;
}

/* Size and time of the last change of a file on the disk; negative where it is in memory. */
static inline herr_t chdf5_file_stamp(const chdf5_bytes *bytes, int64_t *size, int64_t *seconds, int64_t *nanoseconds) {
    struct stat status;
    if (bytes->descriptor < 0 || fstat(bytes->descriptor, &status) != 0) return -1;
    *size = (int64_t)status.st_size;
#ifdef __APPLE__
    struct timespec time = status.st_mtimespec;
#else
    struct timespec time = status.st_mtim;
#endif
    *seconds = (int64_t)time.tv_sec;
    *nanoseconds = (int64_t)time.tv_nsec;
    return 0;
}

/* Address and type of an object, without collecting the sizes of its header. */
static inline herr_t chdf5_object_info(hid_t object, haddr_t *address, H5O_type_t *type) {
    H5O_info_t info;
    memset(&info, 0, sizeof info);
#if H5_VERSION_GE(1, 10, 3)
    herr_t status = H5Oget_info2(object, &info, H5O_INFO_BASIC);
#else
    herr_t status = H5Oget_info(object, &info);
#endif
    *address = info.addr;
    *type = info.type;
    return status;
}

/* Type of one link, which is not followed. */
static inline herr_t chdf5_link_type(hid_t group, const char *name, H5L_type_t *type) {
    H5L_info_t info;
    memset(&info, 0, sizeof info);
    herr_t status = H5Lget_info(group, name, &info, H5P_DEFAULT);
    *type = info.type;
    return status;
}

/* Calls `visit` with each link in stored order; a value other than 0 from it ends the walk. For a sorted order the library
 * would allocate a table for as many links as the group declares, and free entries that it never filled. */
static inline herr_t chdf5_links(
    hid_t group, herr_t (*visit)(hid_t, const char *, const H5L_info_t *, void *), void *context) {
    hsize_t position = 0;
    return H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, &position, visit, context);
}

/* The same with each attribute. */
static inline herr_t chdf5_attributes(
    hid_t object, herr_t (*visit)(hid_t, const char *, const H5A_info_t *, void *), void *context) {
    hsize_t position = 0;
    return H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, &position, visit, context);
}

/* The library's error stack, the cause first. */
static inline herr_t chdf5_walk_errors(herr_t (*visit)(unsigned, const H5E_error2_t *, void *), void *context) {
    return H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, visit, context);
}

/* No printing of errors: they become Swift errors. Per thread where the library is built thread-safe. */
static inline herr_t chdf5_silence(void) { return H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

/* Locks would fail on read-only mounts and on some network file systems. */
static inline herr_t chdf5_disable_locking(hid_t access) {
#if (H5_VERS_MINOR == 10 && H5_VERSION_GE(1, 10, 7)) || (H5_VERS_MINOR == 12 && H5_VERSION_GE(1, 12, 1))               \
    || H5_VERSION_GE(1, 13, 0)
    return H5Pset_file_locking(access, 0, 1);
#else
    (void)access;
    return 0; /* The environment variable is set instead: Library.swift. */
#endif
}

/* A conversion that keeps the bytes: the stored reference of a variable-length string, which is its length (32 bits,
 * little-endian) and position, becomes opaque bytes of the same size. */
static herr_t chdf5_keep(
    hid_t from, hid_t to, H5T_cdata_t *data, size_t count, size_t stride, size_t background_stride, void *buffer,
    void *background, hid_t transfer) {
    (void)from, (void)to, (void)count, (void)stride, (void)background_stride, (void)buffer, (void)background;
    (void)transfer;
    data->need_bkg = H5T_BKG_NO;
    return 0;
}

/* Reads an attribute or a dataset of variable-length strings as the references in the file, `size` bytes each. The library
 * itself gives no lengths: it allocates what the file declares. */
static inline herr_t chdf5_read_references(hid_t object, hid_t type, size_t size, void *buffer) {
    hid_t opaque = H5Tcreate(H5T_OPAQUE, size);
    if (opaque < 0) return -1;
    herr_t status = H5Tregister(H5T_PERS_SOFT, "normconv-keep", type, opaque, chdf5_keep);
    if (status >= 0) {
        status = H5Iget_type(object) == H5I_DATASET
            ? H5Dread(object, opaque, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer)
            : H5Aread(object, opaque, buffer);
        H5Tunregister(H5T_PERS_SOFT, "normconv-keep", type, opaque, chdf5_keep);
    }
    H5Tclose(opaque);
    return status;
}

#endif
