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

void sgemm(Face face, const lf_sgemm_args &product) {
  if (const int position = bad_argument(product)) return report(sgemm_routine, face, position);
  if (product.m == 0 || product.n == 0) return;
  if ((product.alpha == 0 || product.k == 0) && product.beta == 1) return;
  multiply(product);
}

} // namespace
} // namespace lanefold::cblas

using namespace lanefold::cblas;

void cblas_sgemm(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  if (!has_layout(sgemm_routine, layout) || !has_transposition(sgemm_routine, 2, transpose_a) ||
      !has_transposition(sgemm_routine, 3, transpose_b))
    return;
  const bool ta = transpose_a != no_transpose, tb = transpose_b != no_transpose;
  // A column-major matrix is its transpose in row-major: C^T = op(B)^T op(A)^T.
  if (layout == column_major)
    sgemm(Face::column_major, {0, flags(tb, ta), n, m, k, alpha, beta, b, ldb, a, lda, c, ldc});
  else sgemm(Face::row_major, {0, flags(ta, tb), m, n, k, alpha, beta, a, lda, b, ldb, c, ldc});
}

void sgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *b, const int *ldb, const float *beta,
            float *c, const int *ldc) {
  if (!is_transposition(*transpose_a)) return report(sgemm_routine, Face::fortran, 1);
  if (!is_transposition(*transpose_b)) return report(sgemm_routine, Face::fortran, 2);
  sgemm(Face::fortran, {0, flags(is_transposed(*transpose_b), is_transposed(*transpose_a)), *n, *m, *k, *alpha, *beta,
                        b, *ldb, a, *lda, c, *ldc});
}
