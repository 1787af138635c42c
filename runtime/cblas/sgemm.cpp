// C = alpha * op(A) * op(B) + beta * C for callers of CBLAS and Fortran.
#include "blas.hpp"
#include "errors.hpp"
#include "product.hpp"

#include <algorithm>

namespace lanefold::cblas {
namespace {

constexpr Routine sgemm_routine{"SGEMM ", "cblas_sgemm"};

uint32_t flags(bool a_transposed, bool b_transposed) {
  return (a_transposed ? LF_TRANSPOSE_A : 0) | (b_transposed ? LF_TRANSPOSE_B : 0);
}

// Position in Fortran's list of the first bad argument, 0 if none.  Fortran's product is the transpose of this one: its
// m and A are n and b here.
int bad_argument(const lf_sgemm_args &product) {
  const int64_t a_columns = product.flags & LF_TRANSPOSE_A ? product.m : product.k;
  const int64_t b_columns = product.flags & LF_TRANSPOSE_B ? product.k : product.n;
  if (product.n < 0) return 3;
  if (product.m < 0) return 4;
  if (product.k < 0) return 5;
  if (product.ldb < std::max<int64_t>(1, b_columns)) return 8;
  if (product.lda < std::max<int64_t>(1, a_columns)) return 10;
  if (product.ldc < std::max<int64_t>(1, product.n)) return 13;
  return 0;
}

void sgemm(const lf_sgemm_args &product) {
  if (product.m == 0 || product.n == 0) return;
  if ((product.alpha == 0 || product.k == 0) && product.beta == 1) return;
  multiply(product);
}

} // namespace
} // namespace lanefold::cblas

using namespace lanefold::cblas;

void cblas_sgemm(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  const bool ta = transpose_a != no_transpose, tb = transpose_b != no_transpose;
  const Face face = layout == column_major ? Face::column_major : Face::row_major;
  // A column-major matrix is its transpose in row-major: C^T = op(B)^T op(A)^T.
  const lf_sgemm_args product = face == Face::column_major
                                    ? lf_sgemm_args{0, flags(tb, ta), n, m, k, alpha, beta, b, ldb, a, lda, c, ldc}
                                    : lf_sgemm_args{0, flags(ta, tb), m, n, k, alpha, beta, a, lda, b, ldb, c, ldc};
  Mistake mistake = layout_mistake(layout);
  if (mistake.position == 0) mistake = transposition_mistake(2, transpose_a);
  if (mistake.position == 0) mistake = transposition_mistake(3, transpose_b);
  if (mistake.position == 0) mistake = mistake_at(face, bad_argument(product));
  if (mistake.position == 0) return sgemm(product);
  if (forward("cblas_sgemm", cblas_sgemm, __builtin_return_address(0), layout, transpose_a, transpose_b, m, n, k, alpha,
              a, lda, b, ldb, beta, c, ldc))
    return;
  report(sgemm_routine, face, mistake);
}

void sgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *b, const int *ldb, const float *beta,
            float *c, const int *ldc) {
  const lf_sgemm_args product = {0,     flags(is_transposed(*transpose_b), is_transposed(*transpose_a)),
                                 *n,    *m,
                                 *k,    *alpha,
                                 *beta, b,
                                 *ldb,  a,
                                 *lda,  c,
                                 *ldc};
  const int position = !is_transposition(*transpose_a)   ? 1
                       : !is_transposition(*transpose_b) ? 2
                                                         : bad_argument(product);
  if (position == 0) return sgemm(product);
  if (forward("sgemm_", sgemm_, __builtin_return_address(0), transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb,
              beta, c, ldc))
    return;
  report(sgemm_routine, Face::fortran, {position});
}
