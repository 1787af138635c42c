// lf_activation_forward and lf_activation_backward.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

#include <cmath>

namespace lanefold::runtime {

void check_activation(Check &check, int32_t activation, float alpha) {
  check.code("activation", activation, LF_ACTIVATION_COUNT,
             "LF_IDENTITY 0, LF_RELU 1, LF_LEAKY_RELU 2, LF_ELU 3, LF_SELU 4, LF_TANH 5, LF_LOGISTIC 6");
  if (activation == LF_LEAKY_RELU || activation == LF_ELU)
    check.value("alpha", alpha, alpha >= 0 && std::isfinite(alpha), "at least 0 and finite");
}

bool check_arguments(Check &check, lf_activation_forward_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}});
  check_activation(check, args.activation, args.alpha);
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"}, "x");
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

bool check_arguments(Check &check, lf_activation_backward_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}});
  check_activation(check, args.activation, args.alpha);
  check.reads("y", args.y, {args.m, args.n, args.ldy, "ldy"});
  check.reads("dy", args.dy, {args.m, args.n, args.lddy, "lddy"});
  check.writes("dx", args.dx, {args.m, args.n, args.lddx, "lddx"}, "dy");
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

} // namespace lanefold::runtime

lf_status lf_activation_forward(lf_context *context, const lf_activation_forward_args *args) {
  return lanefold::runtime::run(context, "lf_activation_forward", &lf_kernel_table::activation_forward, args);
}

lf_status lf_activation_backward(lf_context *context, const lf_activation_backward_args *args) {
  return lanefold::runtime::run(context, "lf_activation_backward", &lf_kernel_table::activation_backward, args);
}
