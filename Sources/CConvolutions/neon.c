#if defined(__aarch64__)
#define NC_LANES 4
#define NC_VECTORS 4
#define NC_POSITIONS 6
#define NC_NAME nc_neon
#include "kernels.h"
#endif
