/* A plugin that replaces one operation, the forward pass of an activation, and only for ReLU.  All other calls go to
 * the next plugin.  It shows what every operation does: it declines or serves a call, cuts the work into tasks, and
 * keeps the contract. */
#include <lanefold/plugin.h>

#include <stddef.h>

enum { rows_of_task = 64 };

static void relu_of_rows(void *arg, int64_t task) {
  const lf_activation_forward_args *x = arg;
  const int64_t first = task * rows_of_task;
  const int64_t end = first + rows_of_task < x->m ? first + rows_of_task : x->m;
  for (int64_t i = first; i < end; ++i)
    for (int64_t j = 0; j < x->n; ++j) {
      const float value = x->x[i * x->ldx + j];
      x->y[i * x->ldy + j] = value <= 0 ? 0 : value; /* NaN stays NaN */
    }
}

static lf_status activation_forward(const lf_host *host, const lf_activation_forward_args *x) {
  if (x->activation != LF_RELU)
    return LF_UNSUPPORTED; /* before anything is written: the library asks the next plugin */
  const int64_t tasks = (x->m + rows_of_task - 1) / rows_of_task;
  host->parallel_for(host->self, tasks, relu_of_rows, (void *)x);
  return LF_OK;
}

/* The table begins as zeros: the library asks the next plugin for operations that are NULL.  An older library has a
 * shorter table, so each slot needs this test. */
#define HAS(table, slot) ((table)->struct_size >= offsetof(lf_kernel_table, slot) + sizeof(table)->slot)

static lf_status fill(const lf_host *host, lf_kernel_table *table) {
  (void)host;
  if (HAS(table, activation_forward)) table->activation_forward = activation_forward;
  return LF_OK;
}

/* The one symbol that a plugin exports.  mine.manifest repeats its values. */
const lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), 100, "mine", "me", 0, fill,
};
