// lf_activation_forward, lf_activation_backward and lf_dropout.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

namespace lanefold::runtime {

template <class Rules> bool check_arguments(Rules &check, lf_activation_forward_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}});
  check_activation(check, args.activation, args.alpha);
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"}, "x");
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

template <class Rules> bool check_arguments(Rules &check, lf_activation_backward_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}});
  check_activation(check, args.activation, args.alpha);
  if (LF_DERIVES_FROM_INPUT(args.activation)) check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  else check.reads("y", args.y, {args.m, args.n, args.ldy, "ldy"});
  check.reads("dy", args.dy, {args.m, args.n, args.lddy, "lddy"});
  check.writes("dx", args.dx, {args.m, args.n, args.lddx, "lddx"}, "dy");
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

template <class Rules> bool check_arguments(Rules &check, lf_dropout_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.flags("reserved", args.reserved, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}});
  check.value("rate", args.rate, args.rate >= 0 && args.rate < 1, "at least 0 and less than 1");
  constexpr int64_t most_rows = int64_t{1} << 32;
  check.value("first_row", args.first_row,
              args.first_row >= 0 && args.first_row <= most_rows && args.m <= most_rows - args.first_row,
              "at least 0 and at most 2^32 - m");
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"}, "x");
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

// For lf_explain and lf_network_create.
template bool check_arguments(Check &, lf_activation_forward_args &);
template bool check_arguments(Check &, lf_activation_backward_args &);
template bool check_arguments(Check &, lf_dropout_args &);

} // namespace lanefold::runtime

lf_status lf_activation_forward(lf_context *context, const lf_activation_forward_args *args) {
  return lanefold::runtime::run(context, "lf_activation_forward", &lf_kernel_table::activation_forward, args);
}

lf_status lf_activation_backward(lf_context *context, const lf_activation_backward_args *args) {
  return lanefold::runtime::run(context, "lf_activation_backward", &lf_kernel_table::activation_backward, args);
}

lf_status lf_dropout(lf_context *context, const lf_dropout_args *args) {
  return lanefold::runtime::run(context, "lf_dropout", &lf_kernel_table::dropout, args);
}
