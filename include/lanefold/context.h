/** @file
 * A context holds what calls need: the chosen plugin, an executor and scratch memory.
 *
 * Lanefold has no global state, so two contexts never affect each other.  The following rules hold for every call.
 *
 * **Structs.**  Every struct begins with struct_size, its size in bytes, which is a multiple of 8.  The library does
 * not read fields beyond that size, and treats them as 0.  Structs change only by appending fields, so a program that
 * was compiled with an older header keeps working.  A field called `reserved` must be 0.
 *
 * **Matrices.**  A matrix is row-major.  Its stride is the distance from one row to the next, in elements.  A stride
 * is named after its matrix: ldx is that of x.  It is at least the number of columns, but a matrix without elements
 * may have any stride.  Pointers need only the alignment of their element type.
 *
 * **Sizes.**  A size is at most 2^47.  A size of 0 is valid unless the call says otherwise, and a sum over nothing is
 * 0.  A pointer to an empty matrix may be NULL, and so may a pointer that the call does not read.
 *
 * **Overlap.**  An output overlaps no other operand unless the call says otherwise.  Operands with the same stride may
 * interleave: they may be different columns of one larger matrix.
 *
 * **Errors.**  A call checks every argument before it writes anything.  If it returns any status other than LF_OK, all
 * outputs are untouched, unless the call says otherwise.
 *
 * **Results.**  A result depends on values alone.  It has the same bits for every plugin, number of threads, alignment
 * and stride.
 *
 * **Threads.**  Each function carries a tag.  [thread-safe] means that any number of threads may call it at the same
 * time, even on the same context.  No call may then write what another one reads or writes.  The type of a callback
 * carries a tag, too.  [thread-safe]: several threads may call it at the same time.  [calling thread]: the library
 * calls it only on the thread that called the library.
 */
#ifndef LANEFOLD_CONTEXT_H
#define LANEFOLD_CONTEXT_H

#include <lanefold/flags.h>
#include <lanefold/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What calls need: the chosen plugin, an executor and scratch memory. */
typedef struct lf_context lf_context;

/** A unit of work.  It receives the arg that was passed to lf_parallel_for, and its own index.  [thread-safe] */
typedef void (*lf_task)(void *arg, int64_t index);

/**
 * Runs task(arg, i) once for each i in [0, count), in any order and on any threads, and returns when all of them are
 * done.  No task waits for another one.  The library may call this function from several threads at the same time, and
 * the function must not throw.  [thread-safe]
 */
typedef void (*lf_parallel_for)(void *self, int64_t count, lf_task task, void *arg);

/** An application's own thread pool. */
typedef struct lf_executor {
  uint32_t struct_size;         /**< The size of this struct, in bytes. */
  int32_t threads;              /**< The maximum number of tasks that the pool runs at once, 1 to 4096. */
  void *self;                   /**< The first argument of parallel_for. */
  lf_parallel_for parallel_for; /**< Must not be NULL. */
} lf_executor;

#define LF_LOG_INFO 0    /**< The message reports a choice. */
#define LF_LOG_WARNING 1 /**< The message reports what should be cured. */

/**
 * Receives a message for the application's log; level is LF_LOG_INFO or LF_LOG_WARNING.  The library calls it only
 * while one of the library's functions runs.  A plugin may call it from any of its tasks.  The function must not throw.
 * [thread-safe]
 */
typedef void (*lf_log)(void *self, int32_t level, const char *message);

/** How lf_context_create() makes a context. */
typedef struct lf_context_options {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_QUIET */
  /** Name of the plugin to use, such as "avx2".  NULL or "": the environment variable LANEFOLD_ISA names it.  Without
   * that variable, the best plugin that can run here is chosen. */
  const char *isa;
  /** Absolute folders with more plugins, separated by ':'.  They must exist, and are searched after the folder beside
   * the library.  NULL: the environment variable LANEFOLD_PLUGIN_PATH; of its folders, those that do not exist are
   * ignored with a warning.  Programs that run as another user (set-user-ID) ignore the variable.  The static library
   * ignores it, too, and returns LF_NOT_FOUND for any folder in plugin_path. */
  const char *plugin_path;
  /** The maximum number of tasks of a call that run at once, 1 to 4096.  With an executor, the number must not
   * exceed the executor's.  0: the number of the executor's threads or, without an executor, the number of CPUs
   * that the process may use.  The affinity mask and the CPU quotas of control groups limit these CPUs.  The
   * environment variable LANEFOLD_NUM_THREADS, 1 to 4096, lowers the number only if this field is 0. */
  int32_t threads;
  int32_t reserved; /**< Must be 0. */
  /** The library keeps a copy.  NULL: oneTBB, which starts its threads in the first call that can use two.  A
   * library that was built without oneTBB then computes on the calling thread. */
  const lf_executor *executor;
  lf_log log;     /**< NULL: messages are dropped, and warnings are printed as lf_context_create() says. */
  void *log_self; /**< The first argument of log. */
} lf_context_options;

/**
 * Makes a context and stores it in *context.  options may be NULL, which is the same as a struct of zeros.
 *
 * Choosing a plugin always succeeds, because the portable one is part of the library.  Asking for a plugin by name can
 * fail: with LF_NOT_FOUND if no plugin has this name, with LF_UNUSABLE if the plugin is refused or cannot run here.
 *
 * A better plugin for this CPU may be missing or refused.  If no plugin is asked for by name, a warning then names the
 * file and the cure.  With a log, each context sends it to `log`.  Without one it goes to standard error, once in a
 * process, unless `flags` has LF_QUIET.
 *
 * A forked child computes on its own thread alone, because the other threads of its parent are gone.  This holds for
 * every context that it has from its parent.  It also holds for new contexts without an executor, if the parent's calls
 * have used oneTBB.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED, LF_OUT_OF_MEMORY, LF_NOT_FOUND (also for a folder of plugin_path
 * that does not exist) or LF_UNUSABLE.  On an error *context is NULL, and lf_last_error(NULL) returns the message.
 * [thread-safe]
 */
LF_API lf_status lf_context_create(const lf_context_options *options, lf_context **context);

/**
 * Frees a context, which may be NULL.  No call on this context may be running.  Packed weights and networks that were
 * made with it stay valid.  [thread-safe on different contexts]
 */
LF_API void lf_context_destroy(lf_context *context);

/**
 * Returns the message of the last call that failed in this thread on this context, or "" if none did.  NULL stands for
 * the calls that take no context.  Each thread keeps the messages of the last eight contexts on which its calls
 * failed.  The string is valid until the next call in this thread.  [thread-safe]
 */
LF_API const char *lf_last_error(const lf_context *context);

/**
 * Returns the name of the chosen plugin, such as "avx512".  The string is valid as long as the context; it is "" if the
 * context is NULL.  lf_context_isa_reason() says why it was chosen.  [thread-safe]
 */
LF_API const char *lf_context_isa(const lf_context *context);

/**
 * Returns why this plugin was chosen: "it is the best one that can run here", or who asked for it.  If a better plugin
 * is missing or refused, the text also names the file and the cure.  The string is valid as long as the context; it is
 * "" if the context is NULL.  [thread-safe]
 */
LF_API const char *lf_context_isa_reason(const lf_context *context);

/**
 * Returns the maximum number of tasks of a call that run at once, or 0 if the context is NULL.  It is 1 in a forked
 * child of the process that made the context, and wherever oneTBB is needed but cannot be used.  A call that finds
 * oneTBB's threads busy with another call on the same context runs on its own thread alone.  [thread-safe]
 */
LF_API int32_t lf_context_threads(const lf_context *context);

/** A plugin that the library considered.  Its strings are valid until the visitor returns. */
typedef struct lf_plugin_candidate {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  int32_t taken;        /**< 1: this plugin runs the context's calls. */
  int32_t usable;       /**< 1: this CPU and operating system can run it. */
  int32_t priority;     /**< The usable plugin with the highest priority is taken. */
  const char *name;     /**< Such as "avx2". */
  const char *vendor;   /**< Such as "lanefold". */
  const char *path;     /**< The plugin's file, or "built in". */
  const char *needs;    /**< The CPU features that it needs, separated by spaces; "" if it needs none. */
  const char *reason;   /**< Why it was taken or passed over. */
} lf_plugin_candidate;

/** Receives one plugin that lf_enumerate_plugins() considered, and must not throw.  [calling thread] */
typedef void (*lf_plugin_visitor)(void *self, const lf_plugin_candidate *candidate);

/**
 * Calls visit(self, candidate) for each plugin, the best one first, as lf_context_create() with the same options would
 * judge them.  It loads the plugins that are usable, to know their state for certain.
 *
 * Returns the status that lf_context_create() would return.  On an error lf_last_error(NULL) returns the message.
 * [thread-safe]
 */
LF_API lf_status lf_enumerate_plugins(const lf_context_options *options, lf_plugin_visitor visit, void *self);

/**
 * Writes the name of the CPU and the features that both the CPU and the operating system offer, such as "AMD EPYC: sse2
 * avx2 fma".  The text goes to text[size]; it is cut if it does not fit, and always ends with 0.  Unless needed is
 * NULL, *needed receives the size that holds all of it.  text may be NULL if size is 0.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_describe_cpu(char *text, uint64_t size, uint64_t *needed);

/** @name Operations
 *
 * The operations, in the order of the kernel table (plugin.h).  Each has the name of its call.
 * @{
 */
#define LF_OP_SGEMM 0                  /**< the matrix product */
#define LF_OP_PACK_WEIGHTS 1           /**< packing of weights */
#define LF_OP_UNPACK_WEIGHTS 2         /**< unpacking of weights */
#define LF_OP_DENSE_INFER 3            /**< a dense layer on packed weights, without a backward pass */
#define LF_OP_DENSE_FORWARD 4          /**< the forward pass of a dense layer */
#define LF_OP_DENSE_BACKWARD 5         /**< the backward pass of a dense layer */
#define LF_OP_BATCH_NORM_FORWARD 6     /**< the forward pass of a normalization */
#define LF_OP_BATCH_NORM_BACKWARD 7    /**< the backward pass of a normalization */
#define LF_OP_FOLD_BATCH_NORM 8        /**< folding of a normalization into weights */
#define LF_OP_ACTIVATION_FORWARD 9     /**< an activation */
#define LF_OP_ACTIVATION_BACKWARD 10   /**< the backward pass of an activation */
#define LF_OP_SOFTMAX_CROSS_ENTROPY 11 /**< the loss and its gradient */
#define LF_OP_TOP_K_CORRECT 12         /**< the number of correct predictions */
#define LF_OP_OPTIMIZER_STEP 13        /**< one step of an optimizer */
#define LF_OP_GATHER 14                /**< a batch of floats from rows of bytes */
#define LF_OP_SOFTMAX 15               /**< softmax, or its logarithm */
#define LF_OP_ELEMENTWISE_LOSS 16      /**< a loss on numbers, and its gradient */
#define LF_OP_DROPOUT 17               /**< dropout */
#define LF_OP_BATCH_NORM_MOMENTS 18    /**< the moments of the blocks of a part of a batch */
#define LF_OP_BATCH_NORM_MERGE 19      /**< the statistics of a batch, from the moments of its blocks */
#define LF_OP_COLUMN_SUMS 20           /**< sums over the rows of a part of a batch */
#define LF_OP_COUNT 21                 /**< The number of operations; it may grow. */
/** @} */

/**
 * Writes one line that names what a call would use (the plugin, the kernel, its tile, the number of tasks), and says
 * why.  op is one of the codes above, and args points to the struct of that operation.  Only its sizes, flags and codes
 * matter; its pointers may be NULL.  text, size and needed are used as in lf_describe_cpu().
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_explain(lf_context *context, int32_t op, const void *args, char *text, uint64_t size,
                            uint64_t *needed);

#ifdef __cplusplus
}
#endif

#endif
