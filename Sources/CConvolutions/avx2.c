#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NC_LANES 8
#define NC_VECTORS 2
#define NC_POSITIONS 6
#define NC_NAME nc_avx2
#include "kernels.h"
#pragma clang attribute pop
#endif
