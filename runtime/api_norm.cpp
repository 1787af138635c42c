// Batch normalization alone, and folding.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

#include <cmath>

namespace lanefold::runtime {
namespace {

// Checks the arrays that a use reads or writes: one row of the table in norm.h.
template <class Rules>
void check_batch_norm_arrays(Rules &check, const lf_batch_norm &norm, BatchNormUse use, int64_t n) {
  check.reads("batch_norm.gamma", norm.gamma, vector(n));
  if (use != BatchNormUse::backward) check.reads("batch_norm.beta", norm.beta, vector(n));
  switch (use) {
  case BatchNormUse::training:
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
  case BatchNormUse::backward:
  case BatchNormUse::backward_from_input:
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
  if (use == BatchNormUse::training)
    check.value("batch_norm.momentum", norm->momentum, norm->momentum >= 0 && norm->momentum <= 1, "in 0..1");
  check_batch_norm_arrays(check, *norm, use, n);
  return norm;
}

template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_forward_args &args) {
  check.flags("flags", args.flags, LF_TRAINING, "LF_TRAINING");
  check.sizes({{"m", args.m}, {"n", args.n}});
  const bool training = (args.flags & LF_TRAINING) != 0;
  args.batch_norm = check_batch_norm(check, args.batch_norm,
                                     training ? BatchNormUse::training : BatchNormUse::inference, args.m, args.n);
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"}, "x");
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

// Without rows the gradients are sums over nothing. The kernel writes these zeros.
template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_backward_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}});
  args.batch_norm = check_batch_norm(check, args.batch_norm, BatchNormUse::backward, args.m, args.n);
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.reads("dy", args.dy, {args.m, args.n, args.lddy, "lddy"});
  if (args.dx != nullptr) check.writes("dx", args.dx, {args.m, args.n, args.lddx, "lddx"}, "dy");
  check.writes("dgamma", args.dgamma, vector(args.n));
  check.writes("dbeta", args.dbeta, vector(args.n));
  check.overlaps();
  return args.n > 0;
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

lf_status lf_batch_norm_forward(lf_context *context, const lf_batch_norm_forward_args *args) {
  return lanefold::runtime::run(context, "lf_batch_norm_forward", &lf_kernel_table::batch_norm_forward, args);
}

lf_status lf_batch_norm_backward(lf_context *context, const lf_batch_norm_backward_args *args) {
  return lanefold::runtime::run(context, "lf_batch_norm_backward", &lf_kernel_table::batch_norm_backward, args);
}

lf_status lf_fold_batch_norm(lf_context *context, const lf_fold_batch_norm_args *args) {
  return lanefold::runtime::run(context, "lf_fold_batch_norm", &lf_kernel_table::fold_batch_norm, args);
}
