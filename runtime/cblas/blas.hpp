// What liblanefold_cblas exports: the float products of CBLAS and Fortran BLAS, as Netlib's release 3.11 defines them.
// Integers have 32 bits; layouts and transpositions are the numbers of cblas.h, whichever cblas.h the caller has.
//
// An element of C in sgemm is the chain of lf_sgemm (lanefold/gemm.h).  There, alpha multiplies A in row-major calls,
// and B in column-major calls.  An element of y in sgemv is that chain with alpha * x as the left operand.
// C and y overlap no other operand.  [thread-safe]
#pragma once

#include <lanefold/status.h>

#include <cstddef>

extern "C" {

LF_API void cblas_sgemm(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                        int lda, const float *b, int ldb, float beta, float *c, int ldc);
LF_API void cblas_sgemv(int layout, int transpose, int m, int n, float alpha, const float *a, int lda, const float *x,
                        int incx, float beta, float *y, int incy);

// Fortran passes the lengths of strings after all other arguments.  They are not read here, so they are not declared.
LF_API void sgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
                   const float *alpha, const float *a, const int *lda, const float *b, const int *ldb,
                   const float *beta, float *c, const int *ldc);
LF_API void sgemv_(const char *transpose, const int *m, const int *n, const float *alpha, const float *a,
                   const int *lda, const float *x, const int *incx, const float *beta, float *y, const int *incy);

// Handlers that a program may define.  They are called with the first bad argument, before anything is written, and only
// if no other BLAS lies behind this library.  If a handler returns, the routine returns with C or y untouched.
__attribute__((weak, format(printf, 3, 4))) void cblas_xerbla(int position, const char *routine, const char *format,
                                                              ...);
__attribute__((weak)) void xerbla_(const char *routine, const int *position, std::size_t routine_length);
}
