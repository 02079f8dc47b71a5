// How freed memory is dealt with, for a whole process.
#ifndef NORMCONV_MEMORY_H
#define NORMCONV_MEMORY_H

/// Freed memory of arrays from 16 MB on goes back to the system at once, for work that has one large array after another
/// and none twice. `nc_keep_freed_memory` is for the opposite; the later call counts.
void nc_return_freed_memory(void);

#endif
