#include "memory.h"

#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

/// Arrays of `own_map` bytes are mapped alone; `trim` free bytes at the end of the heap go back to the system.
static void limit(int own_map, int trim) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, own_map);
    mallopt(M_TRIM_THRESHOLD, trim);
#else
    (void)own_map, (void)trim;
#endif
}

void nc_keep_freed_memory(void) { limit(64 << 20, 256 << 20); }

void nc_return_freed_memory(void) { limit(16 << 20, 32 << 20); }

void nc_release_freed_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
