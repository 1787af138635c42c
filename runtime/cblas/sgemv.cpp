// y = alpha * op(A) * x + beta * y for callers of CBLAS and Fortran, as a product with one row: y^T = x^T op(A)^T.
#include "blas.hpp"
#include "errors.hpp"
#include "product.hpp"

#include <algorithm>

namespace lanefold::cblas {
namespace {

constexpr Routine sgemv_routine{"SGEMV ", "cblas_sgemv"};

// Fortran's arguments: A is m x n in column-major, y has m elements, or n if A is transposed.
struct Call {
  bool transposed;
  int m, n;
  float alpha;
  const float *a;
  int lda;
  const float *x;
  int incx;
  float beta;
  float *y;
  int incy;
};

int bad_argument(const Call &call) {
  if (call.m < 0) return 2;
  if (call.n < 0) return 3;
  if (call.lda < std::max(1, call.m)) return 6;
  if (call.incx == 0) return 8;
  if (call.incy == 0) return 11;
  return 0;
}

// The number of elements of a vector that are copied to the stack at a time.
constexpr int64_t piece_length = 1024;

// Element i of a BLAS vector is at i * increment from here: with a negative increment the first element comes last.
template <class Float> Float *first_element(Float *vector, int64_t length, int64_t increment) {
  return increment < 0 ? vector - (length - 1) * increment : vector;
}

// A vector with a positive increment is a matrix with one column.  Any other x is copied, piece by piece; y carries the
// chains from one piece to the next, which changes no bit.
void multiply_vector(lf_sgemm_args product, const float *x, int64_t increment) {
  product.a = x;
  product.lda = increment == 1 ? product.k : increment;
  if (increment != 1) product.flags |= LF_TRANSPOSE_A;
  if (increment > 0 || product.alpha == 0) return multiply(product);
  float piece[piece_length];
  product.flags &= ~LF_TRANSPOSE_A;
  product.a = piece;
  product.lda = piece_length;
  const int64_t length = product.k, b_step = product.flags & LF_TRANSPOSE_B ? 1 : product.ldb;
  x = first_element(x, length, increment);
  for (int64_t begin = 0; begin < length; begin += piece_length) {
    product.k = std::min(piece_length, length - begin);
    for (int64_t i = 0; i < product.k; ++i) piece[i] = x[(begin + i) * increment];
    multiply(product);
    product.b += product.k * b_step;
    product.beta = 1;
  }
}

void sgemv(const Call &call) {
  if (call.m == 0 || call.n == 0 || (call.alpha == 0 && call.beta == 1)) return;
  const int64_t y_length = call.transposed ? call.n : call.m, x_length = call.transposed ? call.m : call.n;
  lf_sgemm_args product{};
  product.flags = call.transposed ? LF_TRANSPOSE_B : 0;
  product.m = 1, product.n = y_length, product.k = x_length;
  product.alpha = call.alpha, product.beta = call.beta;
  product.b = call.a, product.ldb = call.lda;
  product.c = call.y, product.ldc = y_length;
  if (call.incy == 1) return multiply_vector(product, call.x, call.incx);
  // Scattered elements of y are outputs of no row: they are copied, piece by piece, and back.
  float piece[piece_length];
  product.c = piece;
  float *y = first_element(call.y, y_length, call.incy);
  const int64_t increment = call.incy, b_step = call.transposed ? call.lda : 1;
  for (int64_t begin = 0; begin < y_length; begin += piece_length) {
    product.n = std::min(piece_length, y_length - begin);
    if (call.beta != 0)
      for (int64_t i = 0; i < product.n; ++i) piece[i] = y[(begin + i) * increment];
    multiply_vector(product, call.x, call.incx);
    for (int64_t i = 0; i < product.n; ++i) y[(begin + i) * increment] = piece[i];
    product.b += product.n * b_step;
  }
}

} // namespace
} // namespace lanefold::cblas

using namespace lanefold::cblas;

void cblas_sgemv(int layout, int transpose, int m, int n, float alpha, const float *a, int lda, const float *x,
                 int incx, float beta, float *y, int incy) {
  const bool transposed = transpose != no_transpose;
  const Face face = layout == column_major ? Face::column_major : Face::row_major;
  const Call call = face == Face::column_major ? Call{transposed, m, n, alpha, a, lda, x, incx, beta, y, incy}
                                               : Call{!transposed, n, m, alpha, a, lda, x, incx, beta, y, incy};
  Mistake mistake = layout_mistake(layout);
  if (mistake.position == 0) mistake = transposition_mistake(2, transpose);
  if (mistake.position == 0) mistake = mistake_at(face, bad_argument(call));
  if (mistake.position == 0) return sgemv(call);
  if (forward("cblas_sgemv", cblas_sgemv, __builtin_return_address(0), layout, transpose, m, n, alpha, a, lda, x, incx,
              beta, y, incy))
    return;
  report(sgemv_routine, face, mistake);
}

void sgemv_(const char *transpose, const int *m, const int *n, const float *alpha, const float *a, const int *lda,
            const float *x, const int *incx, const float *beta, float *y, const int *incy) {
  const Call call = {is_transposed(*transpose), *m, *n, *alpha, a, *lda, x, *incx, *beta, y, *incy};
  const int position = is_transposition(*transpose) ? bad_argument(call) : 1;
  if (position == 0) return sgemv(call);
  if (forward("sgemv_", sgemv_, __builtin_return_address(0), transpose, m, n, alpha, a, lda, x, incx, beta, y, incy))
    return;
  report(sgemv_routine, Face::fortran, {position});
}
