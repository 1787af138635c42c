/* Small plugins for the tests of the loader, one for each set of -D flags. They compute nothing: they record what they
 * see (floating-point state, tasks), and answer or fail as the flags say. */
#include <lanefold/plugin.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef FAKE_NAME
#define FAKE_NAME "fake"
#endif
#ifndef FAKE_PRIORITY
#define FAKE_PRIORITY 1000
#endif
#ifndef FAKE_NEEDS
#define FAKE_NEEDS 0
#endif

#if defined(FAKE_ABORTS)
__attribute__((constructor)) static void die(void) { abort(); }
#endif

#if defined(FAKE_MUTE)
/* Exports no entry. */
int lf_fake_nothing(void);
int lf_fake_nothing(void) { return 0; }
#else

static float float_state(void) {
#if defined(__x86_64__)
  return (float)(__builtin_ia32_stmxcsr() & ~0x3fu);
#else
  uint64_t state;
  __asm__ volatile("mrs %0, fpcr" : "=r"(state));
  return (float)state;
#endif
}

static void record_state(void *arg, int64_t row) {
  const lf_sgemm_args *args = arg;
  args->c[row * args->ldc] = float_state();
  args->c[row * args->ldc + 1] += 1;
}

/* Writes the floating-point state of each row's task to column 0, adds 1 to column 1, and puts the calling thread's
 * state into column 2 of row 0. */
static lf_status sgemm(const lf_host *host, const lf_sgemm_args *args) {
  host->parallel_for(host->self, args->m, record_state, (void *)args);
  args->c[2] = float_state();
  return LF_OK;
}

/* Fails with a message that carries m, so that each thread of a test knows its own. */
static lf_status activation_forward(const lf_host *host, const lf_activation_forward_args *args) {
  char text[64];
  snprintf(text, sizeof text, "%s got m %d", FAKE_NAME, (int)args->m);
  return host->fail(host->self, LF_OUT_OF_MEMORY, text);
}

static lf_status activation_backward(const lf_host *host, const lf_activation_backward_args *args) {
#if defined(FAKE_PARTIAL)
  (void)args;
  return host->fail(host->self, LF_UNSUPPORTED, "not this one");
#else
  (void)host;
  args->dx[0] = FAKE_PRIORITY;
  return LF_OK;
#endif
}

#if !defined(FAKE_PARTIAL)
static lf_status fold_batch_norm(const lf_host *host, const lf_fold_batch_norm_args *args) {
  (void)host;
  args->folded_bias[0] = FAKE_PRIORITY;
  return LF_OK;
}
#endif

static uint64_t packed_weights_size(const lf_pack_weights_args *args) { return (uint64_t)(args->n * args->k * 4); }

static lf_status pack_weights(const lf_host *host, const lf_pack_weights_args *args, void *packed) {
  (void)host;
  *(float *)packed = args->w[0];
  return LF_OK;
}

static lf_status unpack_weights(const lf_host *host, const lf_unpack_weights_args *args, const void *packed) {
  (void)host;
  args->w[0] = *(const float *)packed;
  return LF_OK;
}

static lf_status dense_infer(const lf_host *host, const lf_dense_infer_args *args, const void *packed) {
  (void)host;
  args->y[0] = *(const float *)packed;
  return LF_OK;
}

static lf_status explain(const lf_host *host, int32_t op, const void *args, char *text, uint64_t size) {
  (void)host;
  (void)args;
  snprintf(text, size, "operation %d", op);
  return LF_OK;
}

#if defined(FAKE_STILL)
/* An optimizer that never moves. */
static lf_status optimizer_step(const lf_host *host, const lf_optimizer_step_args *args) {
  (void)host;
  (void)args;
  return LF_OK;
}
#endif

#if defined(FAKE_LAZY)
/* An operation that claims to have done its work. */
static lf_status nothing(void) { return LF_OK; }
#endif

static lf_status fill(const lf_host *host, lf_kernel_table *table) {
  (void)host;
#if defined(FAKE_LAZY)
  (void)sgemm, (void)activation_forward, (void)activation_backward, (void)fold_batch_norm, (void)explain;
#if defined(FAKE_LAZY_PACKING)
  table->packed_weights_size = packed_weights_size;
  table->pack_weights = pack_weights;
  table->unpack_weights = unpack_weights;
  table->dense_infer = dense_infer;
#else
  (void)packed_weights_size, (void)pack_weights, (void)unpack_weights, (void)dense_infer;
#endif
  void (*claim)(void) = (void (*)(void))nothing;
  memcpy(&table->FAKE_LAZY, &claim, sizeof claim);
  return LF_OK;
#endif
  table->sgemm = sgemm;
  table->activation_forward = activation_forward;
  table->activation_backward = activation_backward;
#if !defined(FAKE_PARTIAL)
  table->fold_batch_norm = fold_batch_norm;
#endif
  table->packed_weights_size = packed_weights_size;
  table->pack_weights = pack_weights;
  table->unpack_weights = unpack_weights;
#if !defined(FAKE_HALF_INFERENCE)
  table->dense_infer = dense_infer;
#else
  (void)dense_infer;
#endif
  table->explain = explain;
#if defined(FAKE_STILL)
  table->optimizer_step = optimizer_step;
#endif
  return LF_OK;
}

const lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), FAKE_PRIORITY, FAKE_NAME, "tests", FAKE_NEEDS, fill,
};
#endif
