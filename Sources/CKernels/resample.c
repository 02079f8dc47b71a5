#include "kernels.h"
#include "vectorized.h"

enum { NC_BITS = 22, NC_PIECE = 256 };

static inline uint8_t nc_clipped(int32_t sum) {
    const int32_t value = sum >> NC_BITS;
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

void nc_resample_row(
    const uint8_t *restrict x, size_t channels, const int32_t *restrict starts, const int32_t *restrict counts,
    const int32_t *restrict weights, size_t stride, size_t columns, uint8_t *restrict y) {
    for (size_t column = 0; column < columns; column++, weights += stride, y += channels) {
        const uint8_t *pixel = x + (size_t)starts[column] * channels;
        int32_t first = 1 << (NC_BITS - 1), second = first, third = first;
        if (channels == 3) {
            for (int32_t tap = 0; tap < counts[column]; tap++, pixel += 3) {
                first += pixel[0] * weights[tap];
                second += pixel[1] * weights[tap];
                third += pixel[2] * weights[tap];
            }
            y[1] = nc_clipped(second);
            y[2] = nc_clipped(third);
        } else {
            for (int32_t tap = 0; tap < counts[column]; tap++) first += pixel[tap] * weights[tap];
        }
        y[0] = nc_clipped(first);
    }
}

NC_VECTORIZED
void nc_blend_rows(
    const uint8_t *restrict rows, size_t stride, const int32_t *restrict weights, size_t taps, uint8_t *restrict y,
    size_t count) {
    for (size_t start = 0; start < count; start += NC_PIECE) {
        const size_t piece = count - start < NC_PIECE ? count - start : NC_PIECE;
        int32_t sums[NC_PIECE];
        for (size_t i = 0; i < piece; i++) sums[i] = 1 << (NC_BITS - 1);
        for (size_t tap = 0; tap < taps; tap++) {
            const uint8_t *row = rows + tap * stride + start;
            const int32_t weight = weights[tap];
            for (size_t i = 0; i < piece; i++) sums[i] += row[i] * weight;
        }
        for (size_t i = 0; i < piece; i++) y[start + i] = nc_clipped(sums[i]);
    }
}
