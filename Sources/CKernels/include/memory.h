// How freed memory is dealt with, for a whole process; the later call counts.
#ifndef NORMCONV_MEMORY_H
#define NORMCONV_MEMORY_H

/// Keep freed memory for the next allocation. Kernels of many megabytes come and go one after another: memory that is
/// handed back to the system in between costs a page fault for every 4 kB of the next one.
void nc_keep_freed_memory(void);

/// Freed memory of arrays from 16 MB on goes back to the system at once, for work that has one large array after another
/// and none twice.
void nc_return_freed_memory(void);

/// What is free now goes back to the system.
void nc_release_freed_memory(void);

#endif
