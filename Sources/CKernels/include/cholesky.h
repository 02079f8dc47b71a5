// Cholesky's factorization A = LLᵀ in double, and solutions with it, by tiles of NC_EDGE × NC_EDGE.
//
// A tile holds its columns one after another. A matrix holds the tiles on and left of its diagonal, row of tiles by row
// of tiles; behind the matrix's own order it is the identity, so that all tiles are whole.
// Whoever shares tiles among threads changes no value: each is computed by one thread, in an order of its own.
#ifndef NORMCONV_CHOLESKY_H
#define NORMCONV_CHOLESKY_H

#include <stdbool.h>
#include <stddef.h>

enum { NC_EDGE = 48, NC_TILE_VALUES = NC_EDGE * NC_EDGE };

/// Copies a symmetric matrix [order, order] into tiles aligned to 64 bytes, of which `rows` are on the diagonal.
void nc_pack_symmetric(const double *matrix, size_t order, double *tiles, size_t rows);

/// Factorizes the tile on the diagonal of a row, after the rest of its row. Whether the matrix is positive definite so
/// far.
bool nc_factorize_diagonal(double *tiles, size_t row);

/// Makes a tile left of the diagonal the factor's, after those left of it and after its column's on the diagonal.
void nc_factorize_tile(double *tiles, size_t row, size_t column);

/// Replaces `count` right-hand sides, NC_EDGE at most, of `order` values one after another, by the solutions.
/// `scratch` holds `rows` tiles, aligned to 64 bytes.
void nc_solve(
    const double *tiles, size_t rows, double *right, size_t count, size_t order, double *scratch);

#endif
