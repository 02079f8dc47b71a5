#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#define NC_LANES 16
#define NC_VECTORS 4
#define NC_POSITIONS 6
#define NC_NAME nc_avx512
#include "kernels.h"
#pragma clang attribute pop
#endif
