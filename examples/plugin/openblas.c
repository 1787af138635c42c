/* A plugin that lets OpenBLAS multiply matrices.  Each task multiplies some rows of C, so the threads are those of the
 * program that uses Lanefold.  It conforms, but its results do not have the bits of other plugins: OpenBLAS sums in
 * its own order. */
#include <lanefold/plugin.h>

#include <cblas.h>
#include <limits.h>
#include <stddef.h>

struct work {
  const lf_sgemm_args *args;
  int64_t rows; /* of a task */
};

static void multiply_rows(void *arg, int64_t task) {
  const struct work *work = arg;
  const lf_sgemm_args *x = work->args;
  const int a_transposed = (x->flags & LF_TRANSPOSE_A) != 0, b_transposed = (x->flags & LF_TRANSPOSE_B) != 0;
  const int64_t first = task * work->rows;
  const int64_t rows = x->m - first < work->rows ? x->m - first : work->rows;
  cblas_sgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans, b_transposed ? CblasTrans : CblasNoTrans,
              (int)rows, (int)x->n, (int)x->k, x->alpha, x->a + first * (a_transposed ? 1 : x->lda), (int)x->lda, x->b,
              (int)x->ldb, x->beta, x->c + first * x->ldc, (int)x->ldc);
}

static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

/* OpenBLAS counts in int.  Where alpha is 0, some of its kernels still read A and B, which may hold NaN. */
static lf_status sgemm(const lf_host *host, const lf_sgemm_args *x) {
  const int64_t sizes = largest(largest(x->m, x->n), x->k), strides = largest(largest(x->lda, x->ldb), x->ldc);
  if (largest(sizes, strides) > INT_MAX || x->k == 0 || x->alpha == 0) return LF_UNSUPPORTED;
  struct work work = {x, largest(16, (x->m + host->threads - 1) / host->threads)};
  host->parallel_for(host->self, (x->m + work.rows - 1) / work.rows, multiply_rows, &work);
  return LF_OK;
}

static lf_status fill(const lf_host *host, lf_kernel_table *table) {
  (void)host;
  if (table->struct_size >= offsetof(lf_kernel_table, sgemm) + sizeof table->sgemm) table->sgemm = sgemm;
  return LF_OK;
}

const lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), 90, "openblas", "me", 0, fill,
};
