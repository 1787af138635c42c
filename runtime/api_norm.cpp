// Batch normalization alone, and folding.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::runtime {
namespace {

// Checks the arrays that a use reads or writes: one row of the table in norm.h.
template <class Rules>
void check_batch_norm_arrays(Rules &check, const lf_batch_norm &norm, BatchNormUse use, int64_t n) {
  if (use != BatchNormUse::merge && use != BatchNormUse::sums) {
    check.reads("batch_norm.gamma", norm.gamma, vector(n));
    if (use != BatchNormUse::backward) check.reads("batch_norm.beta", norm.beta, vector(n));
  }
  switch (use) {
  case BatchNormUse::training:
  case BatchNormUse::merge:
    check.together({"batch_norm.running_mean", norm.running_mean}, {"batch_norm.running_var", norm.running_var});
    check.together({"batch_norm.mean", norm.mean}, {"batch_norm.inv_std", norm.inv_std});
    if (norm.running_mean != nullptr) {
      check.writes("batch_norm.running_mean", norm.running_mean, vector(n));
      check.writes("batch_norm.running_var", norm.running_var, vector(n));
    }
    if (norm.mean != nullptr) {
      check.writes("batch_norm.mean", norm.mean, vector(n));
      check.writes("batch_norm.inv_std", norm.inv_std, vector(n));
    }
    break;
  case BatchNormUse::inference:
  case BatchNormUse::fold:
    check.reads("batch_norm.running_mean", norm.running_mean, vector(n));
    check.reads("batch_norm.running_var", norm.running_var, vector(n));
    break;
  case BatchNormUse::of_batch:
  case BatchNormUse::backward:
  case BatchNormUse::backward_from_input:
  case BatchNormUse::sums:
    check.reads("batch_norm.mean", norm.mean, vector(n));
    check.reads("batch_norm.inv_std", norm.inv_std, vector(n));
    break;
  }
}

// If the mean lies more standard deviations away than this, too few bits of a folded column are left for what varies.
constexpr float most_deviations = 4096;

template <class Rules> void check_foldable(Rules &check, const lf_batch_norm &norm, const float *bias, int64_t n) {
  for (int64_t j = 0; j < n && check.ok(); ++j) {
    const auto channel = static_cast<long long>(j);
    if (!(norm.running_var[j] >= 0)) {
      check.fail(LF_INVALID_ARGUMENT, "batch_norm.running_var[%lld] is %g, but a variance is at least 0", channel,
                 static_cast<double>(norm.running_var[j]));
      return;
    }
    if (norm.gamma[j] == 0) continue; // folds exactly, to beta
    const float distance = std::abs((bias == nullptr ? 0.0f : bias[j]) - norm.running_mean[j]);
    const float deviation = std::sqrt(norm.running_var[j] + norm.eps);
    if (!(distance < most_deviations * deviation))
      check.fail(
          LF_INVALID_ARGUMENT,
          "column %lld cannot be folded: bias and batch_norm.running_mean are %g apart, but sqrt(running_var + eps) is "
          "only %g, so fewer than 12 bits would be left for what varies",
          channel, static_cast<double>(distance), static_cast<double>(deviation));
  }
}

} // namespace

template <class Rules>
const lf_batch_norm *check_batch_norm(Rules &check, const lf_batch_norm *given, BatchNormUse use, int64_t m,
                                      int64_t n) {
  const bool of_batch =
      use == BatchNormUse::training || use == BatchNormUse::backward || use == BatchNormUse::backward_from_input;
  if (of_batch && m == 1)
    check.fail(LF_INVALID_ARGUMENT,
               "m is 1, but the variance of one sample is always 0, so nothing can be normalized by it");
  if (given == nullptr && check.sizes_only()) return nullptr;
  const lf_batch_norm *norm = check.read_batch_norm(given);
  if (norm == nullptr) return nullptr;
  check.flags("batch_norm.flags", norm->flags, LF_UNBIASED_RUNNING_VAR, "LF_UNBIASED_RUNNING_VAR");
  check.value("batch_norm.eps", norm->eps, norm->eps > 0 && std::isfinite(norm->eps), "above 0 and finite");
  if (use == BatchNormUse::training || use == BatchNormUse::merge)
    check.value("batch_norm.momentum", norm->momentum, norm->momentum >= 0 && norm->momentum <= 1, "in 0..1");
  check_batch_norm_arrays(check, *norm, use, n);
  return norm;
}

template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_forward_args &args) {
  check.flags("flags", args.flags, LF_TRAINING | LF_BATCH_STATISTICS, "LF_TRAINING and LF_BATCH_STATISTICS");
  const bool training = (args.flags & LF_TRAINING) != 0, of_batch = (args.flags & LF_BATCH_STATISTICS) != 0;
  if (training && of_batch)
    check.fail(LF_INVALID_ARGUMENT, "flags has LF_TRAINING and LF_BATCH_STATISTICS, but must have one of them");
  check.sizes({{"m", args.m}, {"n", args.n}});
  check_activation(check, args.activation, args.alpha);
  const BatchNormUse use = training   ? BatchNormUse::training
                           : of_batch ? BatchNormUse::of_batch
                                      : BatchNormUse::inference;
  args.batch_norm = check_batch_norm(check, args.batch_norm, use, args.m, args.n);
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"}, "x");
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

// Without rows the gradients are sums over nothing. The kernel writes these zeros.
template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_backward_args &args) {
  check.flags("flags", args.flags, LF_BATCH_STATISTICS, "LF_BATCH_STATISTICS");
  check.sizes({{"m", args.m}, {"n", args.n}});
  const bool of_batch = (args.flags & LF_BATCH_STATISTICS) != 0;
  if (of_batch) check.sizes({{"batch_rows", args.batch_rows}}, std::max<int64_t>(2, args.m));
  args.batch_norm =
      check_batch_norm(check, args.batch_norm, BatchNormUse::backward, of_batch ? args.batch_rows : args.m, args.n);
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.reads("dy", args.dy, {args.m, args.n, args.lddy, "lddy"});
  if (args.dx != nullptr) check.writes("dx", args.dx, {args.m, args.n, args.lddx, "lddx"}, "dy");
  if (of_batch) {
    check.reads("dgamma", args.dgamma, vector(args.n));
    check.reads("dbeta", args.dbeta, vector(args.n));
  } else {
    check.writes("dgamma", args.dgamma, vector(args.n));
    check.writes("dbeta", args.dbeta, vector(args.n));
  }
  check.overlaps();
  return args.n > 0 && (!of_batch || args.m > 0);
}

template <class Rules> bool check_arguments(Rules &check, lf_fold_batch_norm_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"n", args.n}, {"k", args.k}});
  args.batch_norm = check_batch_norm(check, args.batch_norm, BatchNormUse::fold, 0, args.n);
  check.reads("w", args.w, {args.k, args.n, args.ldw, "ldw"});
  if (args.bias != nullptr) check.reads("bias", args.bias, vector(args.n));
  check.writes("folded_w", args.folded_w, {args.k, args.n, args.ldfolded_w, "ldfolded_w"}, "w");
  check.writes("folded_bias", args.folded_bias, vector(args.n), "bias");
  if (args.error_bound != nullptr) {
    check.value("largest_x", args.largest_x, args.largest_x >= 0 && std::isfinite(args.largest_x),
                "0 or more and finite");
    check.writes("error_bound", args.error_bound, vector(args.n));
  }
  check.flags("reserved", args.reserved, 0, "none");
  check.overlaps();
  if (check.ok() && !check.sizes_only()) check_foldable(check, *args.batch_norm, args.bias, args.n);
  return args.n > 0;
}

// For lf_explain and lf_network_create.
template bool check_arguments(Check &, lf_batch_norm_forward_args &);
template bool check_arguments(Check &, lf_batch_norm_backward_args &);
template bool check_arguments(Check &, lf_fold_batch_norm_args &);
template const lf_batch_norm *check_batch_norm(Check &, const lf_batch_norm *, BatchNormUse, int64_t, int64_t);
template const lf_batch_norm *check_batch_norm(QuickCheck &, const lf_batch_norm *, BatchNormUse, int64_t, int64_t);

} // namespace lanefold::runtime

namespace lanefold::runtime {
namespace {

// Calls an operation of a normalization.  is_new(args) says whether a plugin must know parts.h: the table of others ends
// before batch_norm_moments, and they would ignore flags and fields that they do not know.
template <class Args, class IsNew>
lf_status run_norm(lf_context *context, const char *name, Kernel<Args> kernel, const Args *args, IsNew is_new) {
  return run(context, name, args, rules_of_struct, [=](lf_context &on, const Args &checked) {
    return ask_chain(on, name, [&](const LoadedPlugin &plugin, const lf_host *host) {
      const auto operation = plugin.table.*kernel;
      const bool serves = operation != nullptr && (!is_new(checked) || plugin.table.batch_norm_moments != nullptr);
      return serves ? operation(host, &checked) : LF_UNSUPPORTED;
    });
  });
}

} // namespace
} // namespace lanefold::runtime

lf_status lf_batch_norm_forward(lf_context *context, const lf_batch_norm_forward_args *args) {
  return lanefold::runtime::run_norm(
      context, "lf_batch_norm_forward", &lf_kernel_table::batch_norm_forward, args,
      [](const auto &a) { return (a.flags & LF_BATCH_STATISTICS) != 0 || a.activation != LF_IDENTITY; });
}

lf_status lf_batch_norm_backward(lf_context *context, const lf_batch_norm_backward_args *args) {
  return lanefold::runtime::run_norm(context, "lf_batch_norm_backward", &lf_kernel_table::batch_norm_backward, args,
                                     [](const auto &a) { return (a.flags & LF_BATCH_STATISTICS) != 0; });
}

lf_status lf_fold_batch_norm(lf_context *context, const lf_fold_batch_norm_args *args) {
  return lanefold::runtime::run(context, "lf_fold_batch_norm", &lf_kernel_table::fold_batch_norm, args);
}
