/* A small plugin that conforms.  With -DBROKEN="WHAT" and -DBROKEN_WHAT it breaks one promise; broken.py lists which. */
#include <lanefold/plugin.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef BROKEN
#define BROKEN "nothing"
#endif
#ifndef NAME
#define NAME "sound"
#endif
#define breaks(what) (strcmp(BROKEN, what) == 0)

#if defined(__x86_64__)
#define SET_REGISTER "xor %r12d, %r12d"
#define FUNCTION "@function"
static void flush_subnormals(void) { __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u); }
static void round_down(void) { __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & ~0x6000u) | 0x2000u); }
static void reverse_strings(void) { __asm__ volatile("std" ::: "cc"); }
/* vxorps, vfmadd231ps and vpxord of register 0, and kxorw of k1 */
static void use_avx(void) { __asm__ volatile(".byte 0xc5, 0xf8, 0x57, 0xc0" ::: "xmm0"); }
static void use_fma(void) { __asm__ volatile(".byte 0xc4, 0xe2, 0x79, 0xb8, 0xc0" ::: "xmm0"); }
static void use_avx512(void) { __asm__ volatile(".byte 0x62, 0xf1, 0x7d, 0x48, 0xef, 0xc0" ::: "xmm0"); }
static void use_mask(void) { __asm__ volatile(".byte 0xc5, 0xf4, 0x47, 0xc9"); }
/* andn, shlx and rorx of eax */
static void use_bmi(void) {
  __asm__ volatile(
      ".byte 0xc4, 0xe2, 0x78, 0xf2, 0xc0, 0xc4, 0xe2, 0x79, 0xf7, 0xc0, 0xc4, 0xe3, 0x7b, 0xf0, 0xc0, 1" ::
          : "eax", "cc");
}
#else
#define SET_REGISTER "mov x20, #0"
#define FUNCTION "%function"
static void set_controls(uint64_t bits) {
  uint64_t controls;
  __asm__ volatile("mrs %0, fpcr" : "=r"(controls));
  controls |= bits;
  __asm__ volatile("msr fpcr, %0" : : "r"(controls));
}
static void flush_subnormals(void) { set_controls(1 << 24); }
static void round_down(void) { set_controls(2 << 22); }
static void reverse_strings(void) {}
static void use_avx(void) {}
static void use_fma(void) {}
static void use_avx512(void) {}
static void use_mask(void) {}
static void use_bmi(void) {}
#endif

/* A function that does not preserve a register. */
__asm__(".text\n.type clobber, " FUNCTION "\nclobber: " SET_REGISTER "\n ret\n");
void clobber(void) __attribute__((visibility("hidden")));

#ifdef BROKEN_another_export
LF_API int lf_another_symbol;
int lf_another_symbol = 1;
#endif
#ifdef BROKEN_changing_code
__asm__(".text\n.balign 8\n.quad clobber\n");
#endif
#ifdef BROKEN_static_tls
static __thread volatile int last_status __attribute__((tls_model("initial-exec")));
#endif
#ifdef BROKEN_aborts_when_opened
__attribute__((constructor)) static void open_badly(void) { abort(); }
#endif
#ifdef BROKEN_takes_signal_when_opened
__attribute__((constructor)) static void open_badly(void) { signal(SIGINT, SIG_IGN); }
#endif

static void *idle(void *arg) {
  pause();
  return arg;
}
static void *pass(void *arg) { return arg; }

#if defined(BROKEN_starts_thread_when_opened) || defined(BROKEN_starts_thread_beside_path)
__attribute__((constructor)) static void open_badly(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, idle, NULL);
}
#endif

#ifdef BROKEN_needs_threaded_library
extern LF_API int thread_of_library;
static __attribute__((used)) int *volatile needed = &thread_of_library;
#endif

#ifdef BROKEN_joins_unseen_thread
/* As on a system without seccomp: from now on, this process may not install a filter. */
__attribute__((constructor)) static void refuse_filters(void) {
  const struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog filter = {sizeof program / sizeof *program, (struct sock_filter *)(uintptr_t)program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) abort();
}
#endif

struct product {
  const lf_host *host;
  const lf_sgemm_args *args;
  float *scaled; /* m x k: alpha * op(A) */
  int64_t next;  /* the task that a loop in ascending order would run next */
  int slots;
  int descends; /* whether the sums begin with the last term */
};

/* Two orders of the same sum have different rounding errors. */
static int sum_descends(void) {
  static int calls;
  if (breaks("alternates_order")) return __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) % 2;
  return breaks("other_order");
}

static __thread int rows_of_this_thread;
static float shared[4096];
static const lf_host *kept_host;
static char *volatile leaked;

static float element_of_b(const lf_sgemm_args *x, int64_t p, int64_t j) {
  return x->flags & LF_TRANSPOSE_B ? x->b[j * x->ldb + p] : x->b[p * x->ldb + j];
}

static void nothing(void *arg, int64_t index) { (void)arg, (void)index; }

static void break_in_task(struct product *product, int64_t i) {
  if (breaks("flushes_in_task")) flush_subnormals();
  if (breaks("parallel_in_task")) product->host->parallel_for(product->host->self, 2, nothing, NULL);
  if (breaks("waits_for_task") && i == 0 && product->args->m > 1)
    while (__atomic_load_n(&product->next, __ATOMIC_SEQ_CST) == 0) usleep(1000);
  __atomic_add_fetch(&product->next, 1, __ATOMIC_SEQ_CST);
}

/* The rows whose results are wrong in these orders. */
static int comes_out_wrong(struct product *product, int64_t i) {
  const int64_t before = __atomic_load_n(&product->next, __ATOMIC_SEQ_CST);
  static __thread int64_t last;
  const int64_t previous = last;
  last = i;
  if (breaks("ascending")) return i != before;
  if (breaks("descending")) return before == 0 && i == product->args->m - 1 && i > 0;
  if (breaks("ascending_if_large")) return product->args->m > 70 && i != before;
  if (breaks("neighbours")) return before > 0 && i != previous + 1 && i != previous - 1;
  if (breaks("slots")) return __atomic_add_fetch(&product->slots, 1, __ATOMIC_SEQ_CST) > product->host->threads;
  if (breaks("thread_local")) return rows_of_this_thread != product->args->m;
  return 0;
}

__attribute__((noinline)) static void multiply_row(void *arg, int64_t i) {
  struct product *product = arg;
  const lf_sgemm_args *x = product->args;
  const int wrong = comes_out_wrong(product, i);
  float *scaled = breaks("static_scratch") && x->k <= 4096 ? shared : product->scaled + i * x->k;
  const int64_t depth = x->alpha == 0 ? 0 : breaks("loses_a_term") && x->k > 4096 ? x->k - 1 : x->k;
  for (int64_t p = 0; p < depth; ++p)
    scaled[p] = x->alpha * (x->flags & LF_TRANSPOSE_A ? x->a[p * x->lda + i] : x->a[i * x->lda + p]);
  const int64_t stride = breaks("ignores_stride") ? x->n : breaks("short_stride") ? (int32_t)x->ldc : x->ldc;
  const int64_t columns = breaks("wrong_tail") && x->n % 8 == 5 ? x->n - 1 : x->n;
  for (int64_t j = 0; j < columns; ++j) {
    float *c = x->c + (breaks("short_index") ? (int32_t)(uint32_t)(i * stride + j) : i * stride + j);
    float sum = x->beta == 0 && !breaks("reads_output") ? 0 : x->beta * *c;
    if (product->descends)
      for (int64_t p = depth - 1; p >= 0; --p) sum = __builtin_fmaf(scaled[p], element_of_b(x, p, j), sum);
    else
      for (int64_t p = 0; p < depth; ++p)
        if (scaled[p] != 0 || !breaks("skips_zeros")) sum = __builtin_fmaf(scaled[p], element_of_b(x, p, j), sum);
    if (breaks("coarse") || breaks("coarse_everywhere")) sum *= 1.0001f;
    if (breaks("forgets_beta_without_k") && x->k == 0) sum = 0;
    if (wrong) sum += 1000;
    *c = sum;
  }
  if (breaks("reads_past_end") && i == x->m - 1) *(volatile float *)&x->c[i * x->ldc + x->n];
  if (breaks("reads_before_begin") && i == 0) *(volatile float *)&x->c[-1];
  volatile float *behind = x->c + i * x->ldc + x->n, *before = x->c + i * x->ldc - 1;
  if (breaks("rewrites_behind_row") && i < x->m - 1 && x->ldc > x->n) *behind = *behind;
  if (breaks("rewrites_before_row") && i > 0 && x->ldc > x->n) *before = *before;
  if (breaks("writes_between_rows") && x->ldc > x->n && i == 0) x->c[x->n] = 0;
  break_in_task(product, i);
}

static void multiply_row_badly(void *arg, int64_t i) {
  multiply_row(arg, i);
  clobber();
}

static int must_be_aligned(const float *pointer) { return (uintptr_t)pointer % 16 != 0; }

static void break_call(const lf_host *host, const lf_sgemm_args *x) {
  if (breaks("undeclared_avx")) use_avx();
  if (breaks("undeclared_fma")) use_fma();
  if (breaks("undeclared_avx512")) use_avx512();
  if (breaks("undeclared_mask")) use_mask();
  if (breaks("uses_bmi")) use_bmi();
  if (breaks("writes_arguments")) ((lf_sgemm_args *)(uintptr_t)x)->flags = 0;
  if (breaks("aligned_only") && must_be_aligned(x->a)) abort();
  if (breaks("exits")) exit(0);
  if (breaks("hangs") && x->m == 7) pause();
  if (breaks("crashes") && x->m == 7) *(volatile int *)16 = 1;
  if (breaks("prints")) printf("multiplying\n"), fflush(stdout);
  if (breaks("takes_signal")) signal(SIGUSR1, SIG_IGN);
  if (breaks("sets_variable")) setenv("LANEFOLD_BROKEN", "1", 1);
  if (breaks("corrupts_heap")) {
    volatile char *block = malloc(64);
    for (int i = 0; i < 96; ++i) block[i] = 'A';
  }
  if (breaks("leaks")) leaked = malloc(40);
  if (breaks("leaks_mapping")) mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (breaks("keeps_host")) {
    if (kept_host != NULL) (void)*(volatile int32_t *)(uintptr_t)&kept_host->threads;
    kept_host = host;
  }
  pthread_t thread;
  if (breaks("own_thread")) pthread_create(&thread, NULL, idle, NULL);
  if (breaks("joins_thread") || breaks("joins_unseen_thread")) {
    pthread_create(&thread, NULL, pass, NULL);
    pthread_join(thread, NULL);
  }
  if (breaks("leaves_process") && fork() == 0) {
    setsid();
    pause();
  }
  if (breaks("leaves_group")) setpgid(0, getpgid(getppid())), pause();
  if (breaks("closes_files")) {
    for (int file = 3; file < 64; ++file) close(file);
    pause();
  }
  while (breaks("prints_forever")) puts("multiplying");
  if (breaks("opens_files")) (void)dup(0);
}

static void break_end(void) {
  if (breaks("flushes")) flush_subnormals();
  if (breaks("rounds_down")) round_down();
  if (breaks("clobbers")) clobber();
  if (breaks("reverses_strings")) reverse_strings();
}

static lf_status fail_without_scratch(const lf_host *host, const lf_sgemm_args *x) {
  if (breaks("writes_without_scratch")) return x->c[0] = 12345, LF_UNSUPPORTED;
  if (breaks("clears_without_scratch") && x->beta == 0) x->c[0] = 0;
  return host->fail(host->self, LF_OUT_OF_MEMORY, "no scratch memory for A");
}

static lf_status sgemm(const lf_host *host, const lf_sgemm_args *x) {
  if (breaks("strict_size") && x->struct_size != sizeof *x) return LF_INVALID_ARGUMENT;
  if (breaks("declines_all")) return LF_UNSUPPORTED;
  if (breaks("writes_and_declines") && x->k == 5) return x->c[0] = 3, LF_UNSUPPORTED;
  if (breaks("clears_and_declines") && x->k == 5 && x->beta == 0) return x->c[0] = 0, LF_UNSUPPORTED;
  if (breaks("fails") && x->n == 9) return host->fail(host->self, LF_INTERNAL, "nine columns");
  break_call(host, x);
  const uint64_t bytes = (uint64_t)(x->m * x->k) * sizeof(float);
  struct product product = {host, x, host->acquire(host->self, bytes > 0 ? bytes : 4), 0, 0, sum_descends()};
  if (product.scaled == NULL && !breaks("trusts_scratch")) return fail_without_scratch(host, x);
  if (breaks("thread_local")) rows_of_this_thread = (int)x->m;
  if (breaks("overruns_scratch")) ((char *)product.scaled)[bytes] = 1;
  host->parallel_for(host->self, x->m, breaks("clobbers_in_task") ? multiply_row_badly : multiply_row, &product);
  if (!breaks("keeps_scratch")) host->release(host->self, product.scaled);
  if (breaks("uses_released_scratch")) product.scaled[0] = 0;
  break_end();
  return LF_OK;
}

/* Returns whether the plugin has this activation. */
static int has(int32_t code) {
  if (breaks("takes_unknown_codes") && code >= LF_ACTIVATION_COUNT) return 1;
  return code == LF_IDENTITY || code == LF_RELU || code == LF_LEAKY_RELU || (code == LF_ELU && breaks("loses_sign"));
}

static float activate(int32_t code, float alpha, float x) {
  if (breaks("coarse_everywhere")) x *= 1.0001f;
  if (breaks("hides_nan") && code == LF_RELU) return x > 0 ? x : 0;
  if (code == LF_RELU) return x <= 0 ? 0 : x;
#ifdef BROKEN_loses_sign
  if (code == LF_ELU) return x > 0 ? x : alpha * expm1f(x) + 0;
#endif
  if (breaks("loses_sign_of_identity") && code == LF_IDENTITY) return x + 0;
  if (breaks("loses_sign_of_slope") && code == LF_LEAKY_RELU) return x > 0 ? x : x * alpha + 0;
  return code == LF_LEAKY_RELU && x < 0 ? x * alpha : x;
}

static lf_status activation_forward(const lf_host *host, const lf_activation_forward_args *x) {
  (void)host;
  if (!has(x->activation)) return LF_UNSUPPORTED;
  if (breaks("not_in_place") && x->y == x->x) memset(x->y, 0, sizeof(float));
  for (int64_t i = 0; i < x->m; ++i)
    for (int64_t j = 0; j < x->n; ++j) x->y[i * x->ldy + j] = activate(x->activation, x->alpha, x->x[i * x->ldx + j]);
  return LF_OK;
}

/* The layout of packed weights is k x n. */
static uint64_t packed_weights_size(const lf_pack_weights_args *x) { return (uint64_t)(x->n * x->k) * sizeof(float); }

static lf_status pack_weights(const lf_host *host, const lf_pack_weights_args *x, void *packed) {
  (void)host;
  for (int64_t p = 0; p < x->k; ++p)
    for (int64_t j = 0; j < x->n; ++j)
      ((float *)packed)[p * x->n + j] = x->flags & LF_TRANSPOSE_B ? x->w[j * x->ldw + p] : x->w[p * x->ldw + j];
  if (breaks("keeps_host_in_weights")) *(int32_t *)packed = host->threads;
  if (breaks("overruns_packed")) ((float *)packed)[x->n * x->k] = 0;
  return LF_OK;
}

static lf_status unpack_weights(const lf_host *host, const lf_unpack_weights_args *x, const void *packed) {
  (void)host;
  for (int64_t p = 0; p < x->k; ++p)
    for (int64_t j = 0; j < x->n; ++j) x->w[p * x->ldw + j] = ((const float *)packed)[p * x->n + j];
  if (breaks("loses_sign_of_weights"))
    for (int64_t p = 0; p < x->k; ++p)
      for (int64_t j = 0; j < x->n; ++j) x->w[p * x->ldw + j] += 0;
  return LF_OK;
}

static lf_status dense_infer(const lf_host *host, const lf_dense_infer_args *x, const void *packed) {
  if (!has(x->activation)) return LF_UNSUPPORTED;
  if (breaks("keeps_host_in_weights") && *(const int32_t *)packed != host->threads) return LF_INTERNAL;
  static float rows_of_packing[64][4096];
  const int descends = sum_descends();
  float *row = rows_of_packing[(uintptr_t)packed / 4096 % 64];
  if (breaks("writes_packed")) *(volatile float *)(uintptr_t)packed = 1;
  for (int64_t i = 0; i < x->m; ++i) {
    for (int64_t j = 0; j < x->n; ++j) {
      float sum = x->bias == NULL ? 0 : x->bias[j];
      for (int64_t term = 0; term < x->k; ++term) {
        const int64_t p = descends ? x->k - 1 - term : term;
        sum = __builtin_fmaf(x->x[i * x->ldx + p], ((const float *)packed)[p * x->n + j], sum);
      }
      if (!breaks("keeps_row_of_packing")) row = x->y + i * x->ldy;
      row[j] = activate(x->activation, x->alpha, sum);
    }
    if (breaks("keeps_row_of_packing")) memcpy(x->y + i * x->ldy, row, (size_t)x->n * sizeof *row);
  }
  return LF_OK;
}

/* Only for -DBROKEN="half_parts". */
static lf_status column_sums(const lf_host *host, const lf_column_sums_args *x) {
  (void)host, (void)x;
  return LF_UNSUPPORTED;
}

static lf_status explain(const lf_host *host, int32_t op, const void *args, char *text, uint64_t size) {
  (void)host;
  if (breaks("explain_clears") && op == LF_OP_SGEMM && ((const lf_sgemm_args *)args)->beta == 0)
    ((const lf_sgemm_args *)args)->c[0] = 0;
  if (breaks("explain_of_packing") && op == LF_OP_PACK_WEIGHTS) return ((char *)text)[size] = 0, LF_OK;
  if (breaks("long_explain")) return strcpy(text, "one row for each task, without packing"), LF_OK;
  snprintf(text, size, "operation %d: one row for each task", (int)op);
  return LF_OK;
}

static lf_status fill(const lf_host *host, lf_kernel_table *table) {
  (void)host;
  static int fills;
  ++fills;
  if (breaks("fill_changes_state")) setenv("LANEFOLD_BROKEN", "1", 1), flush_subnormals();
  lf_kernel_table full = {.struct_size = table->struct_size};
  full.sgemm = breaks("fills_once") && fills > 1 ? NULL : sgemm;
  full.packed_weights_size = packed_weights_size;
  full.pack_weights = pack_weights;
  full.unpack_weights = unpack_weights;
  if (!breaks("half_packing")) full.dense_infer = dense_infer;
  if (breaks("half_parts")) full.column_sums = column_sums;
  full.activation_forward = activation_forward;
  full.explain = explain;
  const size_t known = table->struct_size < sizeof full ? table->struct_size : sizeof full;
  memcpy(table, &full, breaks("fills_too_much") ? sizeof full : known);
#ifdef BROKEN_static_tls
  last_status = fills;
#endif
  return LF_OK;
}

#if defined(BROKEN_no_entry)
LF_API lf_status lf_entry(const lf_host *host, lf_kernel_table *table);
lf_status lf_entry(const lf_host *host, lf_kernel_table *table) { return fill(host, table); }
#elif defined(BROKEN_late_name)
extern lf_plugin_entry entry_that_is_filled __asm__("lf_plugin_entry_v1");
LF_API lf_plugin_entry entry_that_is_filled = {.struct_size = sizeof(lf_plugin_entry), .priority = 500, .fill = fill};
__attribute__((constructor)) static void fill_entry(void) {
  entry_that_is_filled.name = NAME, entry_that_is_filled.vendor = "tests";
}
#elif defined(BROKEN_late_entry)
extern lf_plugin_entry entry_that_is_filled __asm__("lf_plugin_entry_v1");
LF_API lf_plugin_entry entry_that_is_filled;
__attribute__((constructor)) static void fill_entry(void) {
  entry_that_is_filled = (lf_plugin_entry){sizeof(lf_plugin_entry), 500, NAME, "tests", 0, fill};
}
#else
const lf_plugin_entry lf_plugin_entry_v1 = {
#if defined(BROKEN_small_entry)
    8,
#else
    sizeof(lf_plugin_entry),
#endif
    500, NAME, "tests", 0, fill,
};
#endif
