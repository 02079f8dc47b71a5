// For multiples of 16 channels.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#define NC_LANES 16
#define NC_VECTORS 1
#define NC_POSITIONS 12
#define NC_NAME nc_avx512_single
#include "kernels.h"
#pragma clang attribute pop
#endif
