/* A plugin that replaces the matrix product for operands that are not transposed, and leaves all other operations to the
 * next plugin.  It keeps the numeric contract: each element is one chain of fused multiply-adds. */
#include <lanefold/plugin.h>

static lf_status sgemm(const lf_host *host, const lf_sgemm_args *x) {
  if (x->flags != 0) return LF_UNSUPPORTED; /* the library asks the next plugin */
  (void)host;                               /* lends threads (parallel_for) and scratch memory (acquire) */
  for (int64_t i = 0; i < x->m; ++i)
    for (int64_t j = 0; j < x->n; ++j) {
      float sum = x->beta == 0 ? 0 : x->beta * x->c[i * x->ldc + j];
      for (int64_t p = 0; p < x->k && x->alpha != 0; ++p)
        sum = __builtin_fmaf(x->alpha * x->a[i * x->lda + p], x->b[p * x->ldb + j], sum);
      x->c[i * x->ldc + j] = sum;
    }
  return LF_OK;
}

static lf_status fill(const lf_host *host, lf_kernel_table *table) {
  (void)host;
  table->sgemm = sgemm;
  return LF_OK;
}

const lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), 100, "mine", "me", LF_CPU_AVX2 | LF_CPU_FMA, fill,
};
