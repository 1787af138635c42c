// lf_softmax, lf_softmax_cross_entropy, lf_elementwise_loss and lf_top_k_correct.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

#include <cmath>

namespace lanefold::runtime {

template <class Rules> bool check_arguments(Rules &check, lf_softmax_args &args) {
  check.flags("flags", args.flags, LF_LOGARITHM, "LF_LOGARITHM");
  check.sizes({{"m", args.m}, {"n", args.n}});
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"}, "x");
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

// What a loss has for a part of a batch. The kernel reads the rows of the batch, and may multiply them by the columns.
template <class Rules, class Args> void check_part(Rules &check, Args &args) {
  constexpr int64_t most_elements = int64_t{1} << 58;
  if (args.batch_rows == 0) args.batch_rows = args.m;
  else check.sizes({{"batch_rows", args.batch_rows}}, args.m);
  if (check.ok() && args.batch_rows > most_elements / args.n)
    check.fail(LF_INVALID_ARGUMENT, "batch_rows is %lld and n is %lld, but a batch must have at most 2^58 elements",
               static_cast<long long>(args.batch_rows), static_cast<long long>(args.n));
  if (args.losses != nullptr) check.writes("losses", args.losses, vector(args.m));
}

template <class Rules> bool check_arguments(Rules &check, lf_softmax_cross_entropy_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}}, 1);
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.reads("labels", args.labels, vector(args.m));
  if (args.weights != nullptr) check.reads("weights", args.weights, vector(args.m));
  check_part(check, args);
  check.writes("loss", args.loss, vector(1));
  if (args.dx != nullptr) check.writes("dx", args.dx, {args.m, args.n, args.lddx, "lddx"}, "x");
  check.overlaps();
  check.labels(args.labels, args.m, args.n);
  return true;
}

template <class Rules> bool check_arguments(Rules &check, lf_elementwise_loss_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}}, 1);
  check.code("function", args.function, LF_LOSS_COUNT,
             "LF_SQUARED_ERROR 0, LF_ABSOLUTE_ERROR 1, LF_HUBER_ERROR 2, LF_LOGISTIC_CROSS_ENTROPY 3");
  if (args.function == LF_HUBER_ERROR)
    check.value("delta", args.delta, args.delta > 0 && std::isfinite(args.delta), "more than 0 and finite");
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.reads("targets", args.targets, {args.m, args.n, args.ldtargets, "ldtargets"});
  if (args.weights != nullptr) check.reads("weights", args.weights, vector(args.m));
  check_part(check, args);
  check.writes("loss", args.loss, vector(1));
  if (args.dx != nullptr) check.writes("dx", args.dx, {args.m, args.n, args.lddx, "lddx"}, "x");
  check.overlaps();
  return true;
}

// An empty batch has no correct rows. The kernel writes that 0.
template <class Rules> bool check_arguments(Rules &check, lf_top_k_correct_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}});
  if (args.k < 1 || args.k > args.n)
    check.fail(LF_INVALID_ARGUMENT, "k is %lld, but must be in 1..n, and n is %lld", static_cast<long long>(args.k),
               static_cast<long long>(args.n));
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.reads("labels", args.labels, vector(args.m));
  check.writes("correct", args.correct, vector(1));
  check.overlaps();
  check.labels(args.labels, args.m, args.n);
  return true;
}

// For lf_explain and lf_network_create.
template bool check_arguments(Check &, lf_softmax_args &);
template bool check_arguments(Check &, lf_softmax_cross_entropy_args &);
template bool check_arguments(Check &, lf_elementwise_loss_args &);
template bool check_arguments(Check &, lf_top_k_correct_args &);

} // namespace lanefold::runtime

lf_status lf_softmax(lf_context *context, const lf_softmax_args *args) {
  return lanefold::runtime::run(context, "lf_softmax", &lf_kernel_table::softmax, args);
}

lf_status lf_softmax_cross_entropy(lf_context *context, const lf_softmax_cross_entropy_args *args) {
  using namespace lanefold::runtime;
  using Args = lf_softmax_cross_entropy_args;
  constexpr const char *name = "lf_softmax_cross_entropy";
  // The table of a plugin of 0.1.0 ends before elementwise_loss.  It would ignore the fields that it does not know.
  return run(context, name, args, rules_of_struct, [](lf_context &on, const Args &checked) {
    const bool is_old = checked.weights == nullptr && checked.losses == nullptr && checked.batch_rows == checked.m;
    return ask_chain(on, name, [&](const LoadedPlugin &plugin, const lf_host *host) {
      const lf_kernel_table &table = plugin.table;
      const bool serves = table.softmax_cross_entropy != nullptr && (is_old || table.elementwise_loss != nullptr);
      return serves ? table.softmax_cross_entropy(host, &checked) : LF_UNSUPPORTED;
    });
  });
}

lf_status lf_elementwise_loss(lf_context *context, const lf_elementwise_loss_args *args) {
  return lanefold::runtime::run(context, "lf_elementwise_loss", &lf_kernel_table::elementwise_loss, args);
}

lf_status lf_top_k_correct(lf_context *context, const lf_top_k_correct_args *args) {
  return lanefold::runtime::run(context, "lf_top_k_correct", &lf_kernel_table::top_k_correct, args);
}
