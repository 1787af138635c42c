// The context of this process, and the products on it.
#include "product.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace lanefold::cblas {
namespace {

[[noreturn]] void stop(const lf_context *context) {
  // Skips the name of a function at the start of the message, because the program did not call that function.
  const char *message = lf_last_error(context), *after_name = std::strstr(message, ": ");
  if (std::strncmp(message, "lf_", 3) == 0 && after_name != nullptr) message = after_name + 2;
  std::fprintf(stderr, "liblanefold_cblas: %s\n", message);
  std::abort();
}

// The number with which a variable begins ("4,2" is a list for nested loops), or 4096 if it does not begin with a
// positive number.
int32_t threads_of(const char *variable) {
  constexpr long most = 4096;
  const char *text = secure_getenv(variable);
  const long threads = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return static_cast<int32_t>(threads < 1 ? most : std::min(threads, most));
}

// BLAS programs bound the threads of their library by these variables.  The context itself reads LANEFOLD_NUM_THREADS.
lf_context *make_context() {
  lf_context *made = nullptr;
  if (lf_context_create(nullptr, &made) != LF_OK) stop(nullptr);
  lf_context_options options{};
  options.struct_size = sizeof options;
  options.threads = std::min(threads_of("OMP_NUM_THREADS"), threads_of("OPENBLAS_NUM_THREADS"));
  if (options.threads >= lf_context_threads(made)) return made;
  lf_context_destroy(made);
  if (lf_context_create(&options, &made) != LF_OK) stop(nullptr);
  return made;
}

// Never freed: a destructor at exit may still multiply. No thread waits for another one that makes the context, because in
// a forked child that thread is gone.
lf_context *context_of_process() {
  static constinit std::atomic<lf_context *> context{nullptr};
  lf_context *found = context.load(std::memory_order_acquire);
  if (found != nullptr) return found;
  lf_context *made = make_context();
  if (context.compare_exchange_strong(found, made, std::memory_order_acq_rel)) return made;
  lf_context_destroy(made);
  return found;
}

// If the byte ranges of two operands with different strides meet, lf_sgemm counts them as overlapping.  BLAS allows
// this if they share no element.  lf_sgemm compares single rows exactly, and computes the same chains row by row.
lf_status multiply_by_rows(lf_context *context, lf_sgemm_args product) {
  const int64_t rows = product.m;
  const int64_t to_next_row = product.flags & LF_TRANSPOSE_A ? 1 : product.lda;
  product.m = 1;
  lf_status status = LF_OK;
  for (int64_t i = 0; i < rows && status == LF_OK; ++i) {
    status = lf_sgemm(context, &product);
    product.a += to_next_row;
    product.c += product.ldc;
  }
  return status;
}

} // namespace

void multiply(lf_sgemm_args product) {
  lf_context *const context = context_of_process();
  if (product.alpha == 0) product.k = 0;
  if (product.k == 0) product.a = product.b = nullptr; // not read, so nothing can overlap them
  product.struct_size = sizeof product;
  lf_status status = lf_sgemm(context, &product);
  if (status == LF_INVALID_ARGUMENT && product.k > 0) status = multiply_by_rows(context, product);
  if (status != LF_OK) stop(context);
}

} // namespace lanefold::cblas
