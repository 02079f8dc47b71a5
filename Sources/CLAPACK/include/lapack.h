// Cholesky's factorization from LAPACK: OpenBLAS or the reference library on Linux, loaded when it is first needed;
// Accelerate on macOS.
#ifndef NORMCONV_LAPACK_H
#define NORMCONV_LAPACK_H

/// Loads LAPACK; to be called before the other functions. Returns why that failed, or a null pointer.
const char *nc_lapack_failure(void);

/// Replaces a symmetric positive definite matrix of order n by its Cholesky factor. Returns 0, the order of the leading
/// minor that is not positive definite, or −i where argument i is wrong. Only one triangle is read and written.
int nc_cholesky(double *matrix, int n);

/// Replaces `columns` right-hand sides, one after another in memory, by the solutions, with what `nc_cholesky` made.
int nc_cholesky_solve(const double *factor, int n, double *right, int columns);

#endif
