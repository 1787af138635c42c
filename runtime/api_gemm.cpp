// lf_sgemm.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

namespace lanefold::runtime {

bool check_arguments(Check &check, lf_sgemm_args &args) {
  check.flags("flags", args.flags, LF_TRANSPOSE_A | LF_TRANSPOSE_B, "LF_TRANSPOSE_A, LF_TRANSPOSE_B");
  check.sizes({{"m", args.m}, {"n", args.n}, {"k", args.k}});
  const bool a_transposed = (args.flags & LF_TRANSPOSE_A) != 0;
  const bool b_transposed = (args.flags & LF_TRANSPOSE_B) != 0;
  const bool has_work = args.m > 0 && args.n > 0;
  const bool reads_ab = has_work && args.alpha != 0;
  if (reads_ab || check.sizes_only() || args.a != nullptr)
    check.reads("a", args.a, {a_transposed ? args.k : args.m, a_transposed ? args.m : args.k, args.lda, "lda"});
  if (reads_ab || check.sizes_only() || args.b != nullptr)
    check.reads("b", args.b, {b_transposed ? args.n : args.k, b_transposed ? args.k : args.n, args.ldb, "ldb"});
  check.writes("c", args.c, {args.m, args.n, args.ldc, "ldc"});
  check.overlaps();
  return has_work;
}

} // namespace lanefold::runtime

lf_status lf_sgemm(lf_context *context, const lf_sgemm_args *args) {
  return lanefold::runtime::run(context, "lf_sgemm", &lf_kernel_table::sgemm, args);
}
