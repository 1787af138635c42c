/* Lanefold, for those who implement kernels: what a plugin exports, and what the library lends it. */
#ifndef LANEFOLD_PLUGIN_H
#define LANEFOLD_PLUGIN_H

#include <lanefold/lanefold.h>

#ifdef __cplusplus
extern "C" {
#endif

/* CPU features, as CPU and operating system together offer them. */
#define LF_CPU_SSE2 (UINT64_C(1) << 0)
#define LF_CPU_AVX (UINT64_C(1) << 1)
#define LF_CPU_AVX2 (UINT64_C(1) << 2)
#define LF_CPU_FMA (UINT64_C(1) << 3)
#define LF_CPU_AVX512F (UINT64_C(1) << 4)
#define LF_CPU_AVX512BW (UINT64_C(1) << 5)
#define LF_CPU_AVX512CD (UINT64_C(1) << 6)
#define LF_CPU_AVX512DQ (UINT64_C(1) << 7)
#define LF_CPU_AVX512VL (UINT64_C(1) << 8)
#define LF_CPU_NEON (UINT64_C(1) << 32)

/* What the library lends a plugin for the length of one call. */
typedef struct lf_host {
  uint32_t struct_size;
  int32_t threads; /* most tasks that run at once */
  uint64_t cpu_features;
  void *self; /* handed to each function below */
  /* As lf_parallel_for in context.h; the floating-point state of each task is set for it.  [calling thread] */
  lf_parallel_for parallel_for;
  /* Scratch memory, 64-byte aligned, not cleared, valid until release; NULL if there is none.  [thread-safe] */
  void *(*acquire)(void *self, uint64_t bytes);
  void (*release)(void *self, void *memory);
  /* Notes a message for lf_last_error and returns status.  [calling thread] */
  lf_status (*fail)(void *self, lf_status status, const char *message);
  /* A message for the application's log.  [thread-safe] */
  void (*log)(void *self, int32_t level, const char *message);
} lf_host;

/* The operations.  Arguments have been checked, structs are whole (struct_size is that of the plugin's own header or
 * more), and no matrix is empty unless the operation's comment in its public header gives that case a meaning.
 * An operation may be NULL, or return LF_UNSUPPORTED before it writes: the library asks the next plugin.
 * All are thread-safe. */
typedef struct lf_kernel_table {
  uint32_t struct_size;
  uint32_t reserved;
  lf_status (*sgemm)(const lf_host *host, const lf_sgemm_args *args);
  /* Bytes that packed weights take.  This function and the three below come together or not at all. */
  uint64_t (*packed_weights_size)(const lf_pack_weights_args *args);
  lf_status (*pack_weights)(const lf_host *host, const lf_pack_weights_args *args, void *packed);
  lf_status (*unpack_weights)(const lf_host *host, const lf_unpack_weights_args *args, const void *packed);
  lf_status (*dense_infer)(const lf_host *host, const lf_dense_infer_args *args, const void *packed);
  /* Where args->packed is there, it points to what this plugin's pack_weights wrote (for explain, only its presence
   * counts).  A plugin that lacks a way to do what a field asks for answers LF_UNSUPPORTED. */
  lf_status (*dense_forward)(const lf_host *host, const lf_dense_forward_args *args);
  lf_status (*dense_backward)(const lf_host *host, const lf_dense_backward_args *args);
  lf_status (*batch_norm_forward)(const lf_host *host, const lf_batch_norm_forward_args *args);
  lf_status (*batch_norm_backward)(const lf_host *host, const lf_batch_norm_backward_args *args);
  lf_status (*fold_batch_norm)(const lf_host *host, const lf_fold_batch_norm_args *args);
  lf_status (*activation_forward)(const lf_host *host, const lf_activation_forward_args *args);
  lf_status (*activation_backward)(const lf_host *host, const lf_activation_backward_args *args);
  lf_status (*softmax_cross_entropy)(const lf_host *host, const lf_softmax_cross_entropy_args *args);
  lf_status (*top_k_correct)(const lf_host *host, const lf_top_k_correct_args *args);
  lf_status (*optimizer_step)(const lf_host *host, const lf_optimizer_step_args *args);
  lf_status (*gather)(const lf_host *host, const lf_gather_args *args);
  /* Writes one line (at most size - 1 characters and a 0) on kernel, tile, tasks and why, for LF_OP_*. */
  lf_status (*explain)(const lf_host *host, int32_t op, const void *args, char *text, uint64_t size);
} lf_kernel_table;

/* What a plugin says of itself.  Constant-initialized: reading it runs no code of the plugin. */
typedef struct lf_plugin_entry {
  uint32_t struct_size;
  int32_t priority; /* portable 0, neon 10, avx2 20, avx512 30 */
  const char *name;
  const char *vendor;
  uint64_t needs; /* LF_CPU_* */
  /* Fills the first table->struct_size bytes of table.  Called once a context, before any operation.  [thread-safe] */
  lf_status (*fill)(const lf_host *host, lf_kernel_table *table);
} lf_plugin_entry;

/* The one symbol that a plugin exports.  Beside NAME.so lies NAME.manifest, which the library reads before it opens the
 * plugin; both must say the same.  Its lines are "name avx2", "vendor lanefold", "needs avx2 fma", "priority 20". */
#define LF_PLUGIN_ENTRY_SYMBOL "lf_plugin_entry_v1"
extern LF_API const lf_plugin_entry lf_plugin_entry_v1;

#ifdef __cplusplus
}
#endif

#endif
