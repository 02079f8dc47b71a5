#include "cholesky.h"

#include <math.h>
#include <string.h>

#include "vectorized.h"

#define NC_INLINE static inline __attribute__((always_inline))
#define NC_UNROLL _Pragma("clang loop unroll(full)")

/// Eight rows at a time. The sums of six columns, or of six times eight rows, keep the multipliers of AVX2 and AVX-512
/// busy and fit the registers of both.
typedef double nc_doubles __attribute__((vector_size(64)));
enum { NC_ROWS = 8, NC_SUMS = 6 };
_Static_assert(NC_EDGE == NC_ROWS * NC_SUMS, "six vectors are a column");

/// The first tile of a row of tiles.
NC_INLINE double *nc_row(const double *tiles, size_t row) {
    return (double *)tiles + row * (row + 1) / 2 * NC_TILE_VALUES;
}

/// c −= abᵀ, where the value of b in row j and column k is at j·row + k·column.
NC_INLINE void nc_subtract_product(double *c, const double *a, const double *b, size_t row, size_t column) {
    for (size_t j = 0; j < NC_EDGE; j += NC_SUMS) {
        for (size_t i = 0; i < NC_EDGE; i += NC_ROWS) {
            nc_doubles sums[NC_SUMS];
            double *at = c + j * NC_EDGE + i;
            NC_UNROLL for (int s = 0; s < NC_SUMS; s++) sums[s] = *(nc_doubles *)(at + s * NC_EDGE);
            for (size_t k = 0; k < NC_EDGE; k++) {
                const nc_doubles values = *(const nc_doubles *)(a + k * NC_EDGE + i);
                NC_UNROLL for (int s = 0; s < NC_SUMS; s++) sums[s] -= values * b[(j + s) * row + k * column];
            }
            NC_UNROLL for (int s = 0; s < NC_SUMS; s++) *(nc_doubles *)(at + s * NC_EDGE) = sums[s];
        }
    }
}

/// Column j of x −= Σ column k · factors[k·step], over k in [first, end).
NC_INLINE void nc_reduce_column(
    double *x, size_t j, const double *factors, size_t step, size_t first, size_t end) {
    nc_doubles sums[NC_SUMS], *column = (nc_doubles *)(x + j * NC_EDGE);
    NC_UNROLL for (int s = 0; s < NC_SUMS; s++) sums[s] = column[s];
    for (size_t k = first; k < end; k++) {
        const nc_doubles *other = (const nc_doubles *)(x + k * NC_EDGE);
        NC_UNROLL for (int s = 0; s < NC_SUMS; s++) sums[s] -= other[s] * factors[k * step];
    }
    NC_UNROLL for (int s = 0; s < NC_SUMS; s++) column[s] = sums[s];
}

NC_INLINE void nc_divide_column(double *x, size_t j, double divisor) {
    for (size_t i = 0; i < NC_EDGE; i++) x[j * NC_EDGE + i] /= divisor;
}

/// Solves X·Lᵀ = B for one tile of X, the tiles left of it being solved. `x` is its row of tiles, `factor` the row of L
/// that ends with the tile on the diagonal.
NC_INLINE void nc_solve_forward(double *x, const double *factor, size_t column) {
    double *own = x + column * NC_TILE_VALUES;
    const double *diagonal = factor + column * NC_TILE_VALUES;
    for (size_t k = 0; k < column; k++)
        nc_subtract_product(own, x + k * NC_TILE_VALUES, factor + k * NC_TILE_VALUES, 1, NC_EDGE);
    for (size_t j = 0; j < NC_EDGE; j++) {
        nc_reduce_column(own, j, diagonal + j, NC_EDGE, 0, j);
        nc_divide_column(own, j, diagonal[j * NC_EDGE + j]);
    }
}

/// Solves X·L = B for one tile of X, the tiles right of it being solved.
NC_INLINE void nc_solve_backward(double *x, const double *tiles, size_t rows, size_t column) {
    double *own = x + column * NC_TILE_VALUES;
    const double *diagonal = nc_row(tiles, column) + column * NC_TILE_VALUES;
    for (size_t k = column + 1; k < rows; k++)
        nc_subtract_product(
            own, x + k * NC_TILE_VALUES, nc_row(tiles, k) + column * NC_TILE_VALUES, NC_EDGE, 1);
    for (size_t j = NC_EDGE; j-- > 0;) {
        const double *factors = diagonal + j * NC_EDGE;
        nc_reduce_column(own, j, factors, 1, j + 1, NC_EDGE);
        nc_divide_column(own, j, factors[j]);
    }
}

void nc_pack_symmetric(const double *matrix, size_t order, double *tiles, size_t rows) {
    memset(tiles, 0, (size_t)(nc_row(tiles, rows) - tiles) * sizeof *tiles);
    for (size_t row = 0; row < rows; row++) {
        const size_t first = row * NC_EDGE, count = order - first < NC_EDGE ? order - first : NC_EDGE;
        double *place = nc_row(tiles, row);
        for (size_t column = 0; column < (row + 1) * NC_EDGE; column++, place += NC_EDGE) {
            if (column < order)
                memcpy(place, matrix + column * order + first, count * sizeof *place);
            else
                place[column - first] = 1;
        }
    }
}

NC_VECTORIZED
bool nc_factorize_diagonal(double *tiles, size_t row) {
    double *first = nc_row(tiles, row), *own = first + row * NC_TILE_VALUES;
    for (size_t k = 0; k < row; k++)
        nc_subtract_product(own, first + k * NC_TILE_VALUES, first + k * NC_TILE_VALUES, 1, NC_EDGE);
    for (size_t j = 0; j < NC_EDGE; j++) {
        nc_reduce_column(own, j, own + j, NC_EDGE, 0, j);
        const double square = own[j * NC_EDGE + j];
        if (!(square > 0 && square < INFINITY)) return false;
        nc_divide_column(own, j, sqrt(square));
    }
    return true;
}

NC_VECTORIZED
void nc_factorize_tile(double *tiles, size_t row, size_t column) {
    nc_solve_forward(nc_row(tiles, row), nc_row(tiles, column), column);
}

NC_VECTORIZED
void nc_solve(const double *tiles, size_t rows, double *right, size_t count, size_t order, double *scratch) {
    memset(scratch, 0, rows * NC_TILE_VALUES * sizeof *scratch);
    for (size_t r = 0; r < count; r++)
        for (size_t k = 0; k < order; k++) scratch[k * NC_EDGE + r] = right[r * order + k];
    for (size_t column = 0; column < rows; column++) nc_solve_forward(scratch, nc_row(tiles, column), column);
    for (size_t column = rows; column-- > 0;) nc_solve_backward(scratch, tiles, rows, column);
    for (size_t r = 0; r < count; r++)
        for (size_t k = 0; k < order; k++) right[r * order + k] = scratch[k * NC_EDGE + r];
}
