// lf_optimizer_step.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

#include <cmath>

namespace lanefold::runtime {

template <class Rules> bool check_arguments(Rules &check, lf_optimizer_step_args &args) {
  const bool adam = args.optimizer == LF_ADAM;
  const bool has_m = args.optimizer != LF_SGD;
  check.flags("flags", args.flags, 0, "none");
  check.code("optimizer", args.optimizer, LF_OPTIMIZER_COUNT, "LF_SGD 0, LF_MOMENTUM 1, LF_NESTEROV 2, LF_ADAM 3");
  check.sizes({{"n", args.n}});
  check.value("learning_rate", args.learning_rate, args.learning_rate >= 0 && std::isfinite(args.learning_rate),
              "at least 0 and finite");
  check.value("weight_decay", args.weight_decay,
              args.weight_decay >= 0 && std::isfinite(args.learning_rate * args.weight_decay),
              "at least 0 and finite, also when multiplied by learning_rate");
  if (has_m) check.value("momentum", args.momentum, args.momentum >= 0 && args.momentum < 1, "at least 0 and below 1");
  if (adam) {
    check.value("beta2", args.beta2, args.beta2 >= 0 && args.beta2 < 1, "at least 0 and below 1");
    check.value("eps", args.eps, args.eps > 0 && std::isfinite(args.eps), "above 0 and finite");
    check.value("step", args.step, args.step >= 1, "at least 1");
  }
  check.writes("w", args.w, vector(args.n));
  check.reads("g", args.g, vector(args.n));
  if (has_m) check.writes("m", args.m, vector(args.n));
  if (adam) check.writes("v", args.v, vector(args.n));
  check.overlaps();
  return args.n > 0;
}

// For lf_explain and lf_network_create.
template bool check_arguments(Check &, lf_optimizer_step_args &);

} // namespace lanefold::runtime

lf_status lf_optimizer_step(lf_context *context, const lf_optimizer_step_args *args) {
  return lanefold::runtime::run(context, "lf_optimizer_step", &lf_kernel_table::optimizer_step, args);
}
