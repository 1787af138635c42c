// The products of liblanefold_cblas in both layouts: the documented chain, strides, reads and writes, and errors.  The
// handlers in this file replace the library's, as the handlers of Netlib's testers do.
#include "support/matrix.hpp"

#include <runtime/cblas/blas.hpp>

#include <string>
#include <utility>

using namespace lanefold::test;

namespace {

constexpr int row_major = 101, column_major = 102, no_transpose = 111, transpose = 112, conjugate_transpose = 113;

std::string reported;

// The errors that the handlers got since the last call, or "".
std::string report() { return std::exchange(reported, ""); }

// rows x columns as a layout stores it.  op transposes it.
struct Operand {
  Operand(int layout, int op, int64_t rows, int64_t columns, int64_t gap)
      : transposes((layout == column_major) != (op != no_transpose)),
        store(transposes ? columns : rows, transposes ? rows : columns, gap) {}
  float &at(int64_t i, int64_t j) { return transposes ? store(j, i) : store(i, j); }
  float *data() { return store.data(); }
  int stride() const { return std::max(1, static_cast<int>(store.stride())); }
  bool transposes;
  PaddedMatrix store;
};

// A BLAS vector.  With a negative increment its first element is the last one in memory.
struct Vector {
  Vector(int length, int step)
      : increment(step), store(length, 1, std::abs(step) - 1), last(step < 0 ? length - 1 : -1) {}
  float &at(int64_t i) { return store(last < 0 ? i : last - i, 0); }
  int increment;
  PaddedMatrix store;
  int64_t last;
};

} // namespace

void cblas_xerbla(int position, const char *routine, const char *, ...) {
  reported = std::string(routine) + " " + std::to_string(position);
}
void xerbla_(const char *routine, const int *position, std::size_t length) {
  reported = std::string(routine, length) + std::to_string(*position);
}

TEST_CASE("sgemm is the chain in both layouts, with every transposition and leading dimensions larger than necessary") {
  Random random(1);
  const int sizes[] = {1, 2, 7, 16, 17, 33, 65};
  const float factors[] = {0.0f, 1.0f, -0.3f};
  for (int i = 0; i < 600; ++i) {
    const int layout = i % 2 ? row_major : column_major;
    const int ta = static_cast<int>(random.between(no_transpose, conjugate_transpose));
    const int tb = static_cast<int>(random.between(no_transpose, conjugate_transpose));
    const int m = sizes[random.below(7)], n = sizes[random.below(7)], k = random.below(9) ? sizes[random.below(7)] : 0;
    const float alpha = factors[random.below(3)], beta = factors[random.below(3)];
    Operand a(layout, ta, m, k, random.below(4)), b(layout, tb, k, n, random.below(4)),
        c(layout, no_transpose, m, n, random.below(4));
    a.store.random(random);
    b.store.random(random);
    if (alpha == 0) a.store.nan(), b.store.nan();
    if (beta == 0) c.store.nan();
    else c.store.random(random);
    Operand expected = c, from_fortran = c;
    for (int64_t r = 0; r < m; ++r)
      for (int64_t s = 0; s < n; ++s) {
        float sum = beta == 0 ? 0.0f : beta * c.at(r, s);
        for (int64_t q = 0; q < (alpha == 0 ? 0 : k); ++q) {
          const float x = a.at(r, q), y = b.at(q, s);
          sum = layout == row_major ? std::fma(alpha * x, y, sum) : std::fma(alpha * y, x, sum);
        }
        expected.at(r, s) = sum;
      }
    const int lda = a.stride(), ldb = b.stride(), ldc = c.stride();
    cblas_sgemm(layout, ta, tb, m, n, k, alpha, a.data(), lda, b.data(), ldb, beta, c.data(), ldc);
    CAPTURE(i);
    CHECK(report() == "");
    CHECK(differing(c.store, expected.store) == 0);
    CHECK(c.store.gaps_untouched());
    if (layout == row_major) continue;
    const char letters[] = {'n', 'T', 'c'};
    sgemm_(&letters[ta - no_transpose], &letters[tb - no_transpose], &m, &n, &k, &alpha, a.data(), &lda, b.data(), &ldb,
           &beta, from_fortran.data(), &ldc);
    CHECK(differing(from_fortran.store, expected.store) == 0);
  }
}

TEST_CASE("sgemv is the chain in both layouts, with increments of either sign and vectors longer than a piece") {
  Random random(2);
  const int sizes[] = {1, 2, 17, 64, 1023, 1025, 2100}, increments[] = {1, 2, 5, -1, -3};
  const float factors[] = {0.0f, 1.0f, 0.7f};
  for (int i = 0; i < 300; ++i) {
    const int layout = i % 2 ? row_major : column_major;
    const int op = static_cast<int>(random.between(no_transpose, conjugate_transpose));
    const int m = sizes[random.below(7)], n = sizes[random.below(m > 100 ? 4 : 7)];
    const int y_length = op == no_transpose ? m : n, x_length = op == no_transpose ? n : m;
    const float alpha = factors[random.below(3)], beta = factors[random.below(3)];
    Operand a(layout, op, y_length, x_length, random.below(4));
    Vector x(x_length, increments[random.below(5)]), y(y_length, increments[random.below(5)]);
    a.store.random(random);
    x.store.random(random);
    if (alpha == 0) a.store.nan(), x.store.nan();
    if (beta == 0) y.store.nan();
    else y.store.random(random);
    Vector expected = y, from_fortran = y;
    for (int64_t r = 0; r < y_length; ++r) {
      float sum = beta == 0 ? 0.0f : beta * y.at(r);
      for (int64_t q = 0; q < (alpha == 0 ? 0 : x_length); ++q) sum = std::fma(alpha * x.at(q), a.at(r, q), sum);
      expected.at(r) = sum;
    }
    const int lda = a.stride();
    cblas_sgemv(layout, op, m, n, alpha, a.data(), lda, x.store.data(), x.increment, beta, y.store.data(), y.increment);
    CAPTURE(i);
    CHECK(report() == "");
    CHECK(differing(y.store, expected.store) == 0);
    CHECK(y.store.gaps_untouched());
    if (layout == row_major) continue;
    const char letters[] = {'N', 't', 'C'};
    sgemv_(&letters[op - no_transpose], &m, &n, &alpha, a.data(), &lda, x.store.data(), &x.increment, &beta,
           from_fortran.store.data(), &y.increment);
    CHECK(differing(from_fortran.store, expected.store) == 0);
  }
}

TEST_CASE("a call with nothing to do touches nothing, and needs no operand") {
  float y[2] = {NAN, 3};
  for (const int layout : {row_major, column_major}) {
    cblas_sgemm(layout, no_transpose, transpose, 0, 5, 7, 1, nullptr, 7, nullptr, 7, 0, nullptr, 5);
    cblas_sgemm(layout, no_transpose, transpose, 5, 0, 7, 1, nullptr, 7, nullptr, 7, 0, nullptr, 5);
    cblas_sgemm(layout, transpose, transpose, 1, 2, 3, 0, nullptr, 3, nullptr, 3, 1, y, 2);
    cblas_sgemm(layout, transpose, transpose, 1, 2, 0, 1, nullptr, 2, nullptr, 2, 1, y, 2);
    cblas_sgemv(layout, no_transpose, 2, 0, 1, nullptr, 2, nullptr, 1, 0, y, 1);
    cblas_sgemv(layout, no_transpose, 0, 2, 1, nullptr, 2, nullptr, 1, 0, y, 1);
    cblas_sgemv(layout, no_transpose, 2, 2, 0, nullptr, 2, nullptr, -1, 1, y, 1);
    CHECK(report() == "");
    CHECK(std::isnan(y[0]));
    CHECK(y[1] == 3);
  }
}

TEST_CASE("matrices and vectors that interleave do not count as overlap") {
  // In an array of 8 columns, A is rows 0, 2 and 4 of columns 0 to 2, and C is rows 1 and 5 of the same columns.
  const float factor = 2;
  PaddedMatrix array(8, 8), untouched(8, 8);
  const auto value = [](int64_t i, int64_t j) { return static_cast<float>(i * 8 + j); };
  const float identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  array.fill(value);
  float *at = array.data();
  cblas_sgemm(row_major, no_transpose, no_transpose, 2, 3, 3, factor, at, 16, identity, 3, 0, at + 8, 32);
  PaddedMatrix expected = untouched;
  expected.fill([&](int64_t i, int64_t j) {
    return j < 3 && (i == 1 || i == 5) ? factor * value(i == 1 ? 0 : 2, j) : value(i, j);
  });
  CHECK(differing(array, expected) == 0);
  // x is row 0.  y is column 3 below it, or every other element of that column.
  for (const int step : {8, 16, -8}) {
    array.fill(value);
    cblas_sgemv(row_major, no_transpose, 3, 3, factor, identity, 3, at, 1, 0, at + 3, step);
    for (int i = 0; i < 3; ++i) CHECK(at[3 + (step > 0 ? i : i - 2) * step] == factor * static_cast<float>(i));
    array.fill(value);
    cblas_sgemv(row_major, no_transpose, 3, 3, factor, identity, 3, at, step, 0, at + 3, 1);
    for (int i = 0; i < 3; ++i) CHECK(at[3 + i] == factor * value((step > 0 ? i : 2 - i) * std::abs(step) / 8, 0));
  }
}

TEST_CASE("a bad argument is reported as Netlib reports it, and the output stays as it was") {
  const float a[8] = {};
  float c[8] = {5, 5, 5, 5, 5, 5, 5, 5};
  const auto gemm = [&](int layout, int ta, int tb, int m, int n, int k, int lda, int ldb, int ldc) {
    cblas_sgemm(layout, ta, tb, m, n, k, 1, a, lda, a, ldb, 0, c, ldc);
    return report();
  };
  const int bad = 0, no = no_transpose;
  CHECK(gemm(bad, no, no, 2, 2, 2, 2, 2, 2) == "cblas_sgemm 1");
  CHECK(gemm(row_major, bad, no, 2, 2, 2, 2, 2, 2) == "cblas_sgemm 2");
  CHECK(gemm(column_major, no, bad, 2, 2, 2, 2, 2, 2) == "cblas_sgemm 3");
  CHECK(gemm(column_major, no, no, -1, -1, 2, 2, 2, 2) == "cblas_sgemm 4");
  CHECK(gemm(column_major, no, no, 2, -1, -1, 2, 2, 2) == "cblas_sgemm 5");
  CHECK(gemm(column_major, no, no, 2, 1, 1, 1, 1, 1) == "cblas_sgemm 9");
  CHECK(gemm(column_major, no, no, 2, 1, 2, 2, 1, 2) == "cblas_sgemm 11");
  CHECK(gemm(column_major, no, no, 2, 1, 1, 2, 1, 1) == "cblas_sgemm 14");
  // Netlib counts positions in the column-major call, which exchanges A and B, and m and n.
  CHECK(gemm(row_major, no, no, -1, 2, 2, 2, 2, 2) == "cblas_sgemm 5");
  CHECK(gemm(row_major, no, no, 2, -1, 2, 2, 2, 2) == "cblas_sgemm 4");
  CHECK(gemm(row_major, no, no, 1, 1, 2, 1, 1, 1) == "cblas_sgemm 11");
  CHECK(gemm(row_major, no, no, 1, 2, 1, 1, 1, 2) == "cblas_sgemm 9");
  CHECK(gemm(row_major, no, no, 1, 2, 1, 1, 2, 1) == "cblas_sgemm 14");

  const auto gemv = [&](int layout, int op, int m, int n, int lda, int incx, int incy) {
    cblas_sgemv(layout, op, m, n, 1, a, lda, a, incx, 0, c, incy);
    return report();
  };
  CHECK(gemv(bad, no, 2, 2, 2, 1, 1) == "cblas_sgemv 1");
  CHECK(gemv(row_major, 114, 2, 2, 2, 1, 1) == "cblas_sgemv 2");
  CHECK(gemv(row_major, no, -1, 2, 2, 1, 1) == "cblas_sgemv 4");
  CHECK(gemv(column_major, no, 2, -1, 2, 1, 1) == "cblas_sgemv 4");
  CHECK(gemv(row_major, no, 1, 2, 1, 1, 1) == "cblas_sgemv 7");
  CHECK(gemv(column_major, no, 2, 2, 2, 0, 0) == "cblas_sgemv 9");
  CHECK(gemv(column_major, no, 2, 2, 2, 1, 0) == "cblas_sgemv 12");

  const int two = 2, one = 1, zero = 0;
  const float factor = 1;
  sgemm_("x", "n", &two, &two, &two, &factor, a, &two, a, &two, &factor, c, &two);
  CHECK(report() == "SGEMM 1");
  sgemm_("T", "C", &two, &two, &two, &factor, a, &two, a, &two, &factor, c, &one);
  CHECK(report() == "SGEMM 13");
  sgemv_("", &two, &two, &factor, a, &two, a, &one, &factor, c, &one);
  CHECK(report() == "SGEMV 1");
  sgemv_("N", &two, &two, &factor, a, &two, a, &one, &factor, c, &zero);
  CHECK(report() == "SGEMV 11");
  for (const float element : c) CHECK(element == 5);
}
