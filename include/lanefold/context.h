/* A context is what every call needs: the plugin that was chosen, an executor, and scratch memory.
 * Nothing of Lanefold is global: two contexts never touch each other. */
#ifndef LANEFOLD_CONTEXT_H
#define LANEFOLD_CONTEXT_H

#include <lanefold/flags.h>
#include <lanefold/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_context lf_context;

/* Rules that hold for every call of this library:
 *   Every struct begins with struct_size = sizeof of it, a multiple of 8; fields beyond that size count as 0.
 *   Matrices are row-major; ld* is a row stride in elements, at least the number of columns (any value where the
 *   matrix has no element).  Pointers need no alignment beyond that of float.
 *   Sizes are at most 2^47.  A size of 0 is valid unless said otherwise; a sum of nothing is 0.  A pointer to an empty
 *   matrix may be NULL, and so may one that a call does not read.
 *   Every argument is checked before anything is written: on an error all outputs stay untouched.
 *   An output overlaps no other operand, unless said otherwise.  Two operands with the same stride may be interleaved
 *   (columns of one larger matrix).
 *   Results depend on values alone: same bits for any plugin, thread count, alignment and stride.
 *   All calls are thread-safe on one context, unless said otherwise. */

/* Runs task(arg, i) for each i in 0..count-1, in any order, on any threads, and returns when all are done.
 * No task waits for another.  May be called from several threads at once; must not throw. */
typedef void (*lf_task)(void *arg, int64_t index);
typedef void (*lf_parallel_for)(void *self, int64_t count, lf_task task, void *arg);

/* The application's own thread pool. */
typedef struct lf_executor {
  uint32_t struct_size;
  int32_t threads;              /* how many tasks may run at once, 1 to 4096 */
  void *self;                   /* handed to parallel_for */
  lf_parallel_for parallel_for; /* not NULL */
} lf_executor;

#define LF_LOG_INFO 0
#define LF_LOG_WARNING 1
typedef void (*lf_log)(void *self, int32_t level, const char *message);

typedef struct lf_context_options {
  uint32_t struct_size;
  uint32_t flags;          /* 0 */
  const char *isa;         /* plugin to take, by name ("avx2"); NULL or "": $LANEFOLD_ISA, else the best usable one */
  const char *plugin_path; /* further folders with plugins, ':' between them, absolute; NULL: $LANEFOLD_PLUGIN_PATH
                              (ignored in set-user-ID programs); read after the folder beside the library */
  /* Most tasks at once, up to 4096; 0: as many as the process may use CPUs.  With an executor: 0, or at most its own
   * number. */
  int32_t threads;
  int32_t reserved;            /* 0 */
  const lf_executor *executor; /* copied; NULL: oneTBB, whose workers start at the first call that can use two */
  lf_log log;                  /* NULL: silent */
  void *log_self;
} lf_context_options;

/* Makes a context; options may be NULL.  Choosing cannot fail, for portable is built in; forcing can:
 * LF_NOT_FOUND (no such plugin) or LF_UNUSABLE (this CPU or operating system cannot run it).
 * On an error *context is NULL, and lf_last_error(NULL) tells why.  [thread-safe] */
LF_API lf_status lf_context_create(const lf_context_options *options, lf_context **context);

/* Frees the context; NULL is fine.  No call on it may be running.  Packed weights that it made stay valid. */
LF_API void lf_context_destroy(lf_context *context);

/* Message of the last call on this thread and context that failed, "" if none; NULL: of calls without a context.
 * A thread keeps the messages of the last eight contexts on which its calls failed.
 * Valid until the next call on this thread.  [thread-safe] */
LF_API const char *lf_last_error(const lf_context *context);

/* Name of the plugin that was chosen, "avx512" say; valid as long as the context.  [thread-safe] */
LF_API const char *lf_context_isa(const lf_context *context);

/* Most tasks that run at once.  0 for NULL.  [thread-safe] */
LF_API int32_t lf_context_threads(const lf_context *context);

/* One plugin that was considered.  Strings live as long as the call-back runs. */
typedef struct lf_plugin_candidate {
  uint32_t struct_size;
  int32_t taken;      /* 1: this one answers the calls */
  int32_t usable;     /* 1: this CPU and operating system can run it */
  int32_t priority;   /* the highest usable one is taken */
  const char *name;   /* "avx2" */
  const char *vendor; /* "lanefold" */
  const char *path;   /* file, or "built in" */
  const char *needs;  /* CPU features it needs, blanks between them; "" if none */
  const char *reason; /* why it was taken or passed over */
} lf_plugin_candidate;
typedef void (*lf_plugin_visitor)(void *self, const lf_plugin_candidate *candidate);

/* Visits each candidate, best first, as lf_context_create with the same options would judge them, and answers the
 * status that it would.  Loads the plugins that are usable.  [thread-safe] */
LF_API lf_status lf_enumerate_plugins(const lf_context_options *options, lf_plugin_visitor visit, void *self);

/* Writes the CPU's name and the features that CPU and operating system have enabled ("AMD EPYC: sse2 avx2 fma ...")
 * to text[size], cut if need be and always ended with 0; *needed, unless NULL, gets the size that holds it all.
 * [thread-safe] */
LF_API lf_status lf_describe_cpu(char *text, uint64_t size, uint64_t *needed);

/* Operations, for lf_explain. */
#define LF_OP_SGEMM 0
#define LF_OP_PACK_WEIGHTS 1
#define LF_OP_UNPACK_WEIGHTS 2
#define LF_OP_DENSE_INFER 3
#define LF_OP_DENSE_FORWARD 4
#define LF_OP_DENSE_BACKWARD 5
#define LF_OP_BATCH_NORM_FORWARD 6
#define LF_OP_BATCH_NORM_BACKWARD 7
#define LF_OP_FOLD_BATCH_NORM 8
#define LF_OP_ACTIVATION_FORWARD 9
#define LF_OP_ACTIVATION_BACKWARD 10
#define LF_OP_SOFTMAX_CROSS_ENTROPY 11
#define LF_OP_TOP_K_CORRECT 12
#define LF_OP_OPTIMIZER_STEP 13
#define LF_OP_GATHER 14
#define LF_OP_COUNT 15

/* Writes which plugin, kernel and tile a call with these arguments would use, how many tasks, and why, as one line of
 * text.  args: the operation's own struct; only sizes, flags and codes are read, pointers may be NULL.
 * text, size, needed: as for lf_describe_cpu.  [thread-safe] */
LF_API lf_status lf_explain(lf_context *context, int32_t op, const void *args, char *text, uint64_t size,
                            uint64_t *needed);

#ifdef __cplusplus
}
#endif

#endif
