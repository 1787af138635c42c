/** @file
 * The interface for implementers of kernels: what a plugin exports, and what the library lends it.
 *
 * A plugin is a shared module for one instruction set.  It lies in a folder that the library searches (context.h), and
 * beside NAME.so lies NAME.manifest.  The library reads the manifest before it opens the module.  No code of a plugin
 * therefore runs on a CPU that lacks what it needs.  The manifest has these lines:
 *
 *     name avx2
 *     vendor lanefold
 *     priority 20
 *     needs avx2 fma
 *
 * They may stand in any order, and repeat what the plugin's entry says.
 */
#ifndef LANEFOLD_PLUGIN_H
#define LANEFOLD_PLUGIN_H

#include <lanefold/lanefold.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name CPU features
 *
 * A feature counts only if the CPU has it and the operating system has enabled it.
 * @{
 */
#define LF_CPU_SSE2 (UINT64_C(1) << 0)     /**< SSE2 */
#define LF_CPU_AVX (UINT64_C(1) << 1)      /**< AVX */
#define LF_CPU_AVX2 (UINT64_C(1) << 2)     /**< AVX2 */
#define LF_CPU_FMA (UINT64_C(1) << 3)      /**< FMA3 */
#define LF_CPU_AVX512F (UINT64_C(1) << 4)  /**< AVX-512 F, the foundation */
#define LF_CPU_AVX512BW (UINT64_C(1) << 5) /**< AVX-512 BW, bytes and words */
#define LF_CPU_AVX512CD (UINT64_C(1) << 6) /**< AVX-512 CD, conflict detection */
#define LF_CPU_AVX512DQ (UINT64_C(1) << 7) /**< AVX-512 DQ, doublewords and quadwords */
#define LF_CPU_AVX512VL (UINT64_C(1) << 8) /**< AVX-512 VL, shorter vectors */
#define LF_CPU_NEON (UINT64_C(1) << 32)    /**< Advanced SIMD of AArch64 */
/** @} */

/**
 * What the library lends a plugin for the duration of one call.  A function with the tag [calling thread] may only be
 * called on the thread that called the plugin, and not from a task.
 */
typedef struct lf_host {
  uint32_t struct_size;  /**< The size of this struct, in bytes. */
  int32_t threads;       /**< how many tasks should run at once; an executor may run more */
  uint64_t cpu_features; /**< of this machine */
  void *self;            /**< the first argument of each function below */
  /** Runs tasks, as lf_parallel_for says.  Each task runs with the floating-point state that Lanefold's results need:
   * round to nearest, denormals kept.  [calling thread] */
  lf_parallel_for parallel_for;
  /** Returns scratch memory, aligned to 64 bytes and not cleared, or NULL if there is none.  It is valid until release.
   * [thread-safe] */
  void *(*acquire)(void *self, uint64_t bytes);
  /** Takes scratch memory back.  [thread-safe] */
  void (*release)(void *self, void *memory);
  /** Keeps a message for lf_last_error(), and returns status.  [calling thread] */
  lf_status (*fail)(void *self, lf_status status, const char *message);
  /** Sends a message to the application's log.  [thread-safe] */
  void (*log)(void *self, int32_t level, const char *message);
} lf_host;

/**
 * The operations of a plugin.  Each does what the call of the same name does; that call's header has the contract.
 *
 * The library has checked the arguments.  Each struct has at least the size that the plugin's own header gives it.  No
 * matrix is empty, unless the call gives an empty one a meaning.
 *
 * An operation may be NULL.  It may also return LF_UNSUPPORTED before it writes anything, for example because of a
 * field that it cannot serve.  It must do so for an activation, optimizer or loss whose code it does not know, because a
 * newer library may have more of them.  The library then asks the next plugin.  All operations are [thread-safe].
 */
typedef struct lf_kernel_table {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t reserved;    /**< Must be 0. */
  /** Does what lf_sgemm() does. */
  lf_status (*sgemm)(const lf_host *host, const lf_sgemm_args *args);
  /** Returns how many bytes the packed weights take.  A plugin has this function and the next three, or none of
   * them. */
  uint64_t (*packed_weights_size)(const lf_pack_weights_args *args);
  /** Does what lf_pack_weights() does. */
  lf_status (*pack_weights)(const lf_host *host, const lf_pack_weights_args *args, void *packed);
  /** Does what lf_unpack_weights() does. */
  lf_status (*unpack_weights)(const lf_host *host, const lf_unpack_weights_args *args, const void *packed);
  /** Does what lf_dense_infer() does. */
  lf_status (*dense_infer)(const lf_host *host, const lf_dense_infer_args *args, const void *packed);
  /** Does what lf_dense_forward() does.  args->packed, unless it is NULL, points to what pack_weights of this plugin
   * wrote.  For explain it only says that the weights are packed, and points to nothing. */
  lf_status (*dense_forward)(const lf_host *host, const lf_dense_forward_args *args);
  /** Does what lf_dense_backward() does. */
  lf_status (*dense_backward)(const lf_host *host, const lf_dense_backward_args *args);
  /** Does what lf_batch_norm_forward() does.  The library asks for LF_BATCH_STATISTICS and for an activation only if the
   * plugin also offers batch_norm_moments, because plugins from before that operation do not know them. */
  lf_status (*batch_norm_forward)(const lf_host *host, const lf_batch_norm_forward_args *args);
  /** Does what lf_batch_norm_backward() does.  The library asks for LF_BATCH_STATISTICS only if the plugin also offers
   * batch_norm_moments. */
  lf_status (*batch_norm_backward)(const lf_host *host, const lf_batch_norm_backward_args *args);
  /** Does what lf_fold_batch_norm() does. */
  lf_status (*fold_batch_norm)(const lf_host *host, const lf_fold_batch_norm_args *args);
  /** Does what lf_activation_forward() does. */
  lf_status (*activation_forward)(const lf_host *host, const lf_activation_forward_args *args);
  /** Does what lf_activation_backward() does. */
  lf_status (*activation_backward)(const lf_host *host, const lf_activation_backward_args *args);
  /** Does what lf_softmax_cross_entropy() does.  The library asks for weights, losses, and batch_rows other than m only
   * if the plugin also offers elementwise_loss, because plugins from before that operation do not know these fields.
   * For a whole batch, batch_rows is m: a plugin never sees 0. */
  lf_status (*softmax_cross_entropy)(const lf_host *host, const lf_softmax_cross_entropy_args *args);
  /** Does what lf_top_k_correct() does. */
  lf_status (*top_k_correct)(const lf_host *host, const lf_top_k_correct_args *args);
  /** Does what lf_optimizer_step() does. */
  lf_status (*optimizer_step)(const lf_host *host, const lf_optimizer_step_args *args);
  /** Does what lf_gather() does. */
  lf_status (*gather)(const lf_host *host, const lf_gather_args *args);
  /** Writes one line that names the kernel, its tile and the tasks, and says why.  The line goes to text[size], is cut
   * if it does not fit, and ends with 0.  op is a code of context.h, such as LF_OP_SGEMM, and args points to the struct
   * of that operation. */
  lf_status (*explain)(const lf_host *host, int32_t op, const void *args, char *text, uint64_t size);
  /** Does what lf_softmax() does. */
  lf_status (*softmax)(const lf_host *host, const lf_softmax_args *args);
  /** Does what lf_elementwise_loss() does.  For a whole batch, batch_rows is m: a plugin never sees 0. */
  lf_status (*elementwise_loss)(const lf_host *host, const lf_elementwise_loss_args *args);
  /** Does what lf_dropout() does. */
  lf_status (*dropout)(const lf_host *host, const lf_dropout_args *args);
  /** Does what lf_batch_norm_moments() does.  A plugin has this function and the next two, or none of them. */
  lf_status (*batch_norm_moments)(const lf_host *host, const lf_batch_norm_moments_args *args);
  /** Does what lf_batch_norm_merge() does. */
  lf_status (*batch_norm_merge)(const lf_host *host, const lf_batch_norm_merge_args *args);
  /** Does what lf_column_sums() does. */
  lf_status (*column_sums)(const lf_host *host, const lf_column_sums_args *args);
} lf_kernel_table;

/** What a plugin says about itself.  It is initialized by constants, so that reading it runs no code of the plugin. */
typedef struct lf_plugin_entry {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  int32_t priority;     /**< Lanefold's own plugins have 0 (portable), 10 (neon), 20 (avx2) and 30 (avx512). */
  const char *name;     /**< Such as "avx2". */
  const char *vendor;   /**< Such as "lanefold". */
  uint64_t needs;       /**< the CPU features without which the plugin cannot run, such as LF_CPU_AVX2 */
  /** Fills the first table->struct_size bytes of the table.  The library calls it once for each context, before any
   * operation.  [thread-safe] */
  lf_status (*fill)(const lf_host *host, lf_kernel_table *table);
} lf_plugin_entry;

/** The name of the one symbol that a plugin exports. */
#define LF_PLUGIN_ENTRY_SYMBOL "lf_plugin_entry_v1"

/** The one symbol that a plugin exports. */
extern LF_API const lf_plugin_entry lf_plugin_entry_v1;

#ifdef __cplusplus
}
#endif

#endif
