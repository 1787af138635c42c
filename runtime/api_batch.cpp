// lf_gather.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

namespace lanefold::runtime {

template <class Rules> bool check_arguments(Rules &check, lf_gather_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.flags("reserved", args.reserved, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}, {"count", args.count}});
  check.value("divisor", args.divisor, args.divisor >= 1 && args.divisor <= 65536, "1 to 65536");
  if (args.m == 0 || args.n == 0) return false;
  check.reads("x", args.x, {args.count, args.n, args.ldx, "ldx"});
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"});
  if (args.rows != nullptr) check.reads("rows", args.rows, vector(args.m));
  check.overlaps();
  check.rows(args.rows, args.m, args.count);
  return true;
}

// For lf_explain and lf_network_create.
template bool check_arguments(Check &, lf_gather_args &);

} // namespace lanefold::runtime

lf_status lf_gather(lf_context *context, const lf_gather_args *args) {
  return lanefold::runtime::run(context, "lf_gather", &lf_kernel_table::gather, args);
}
