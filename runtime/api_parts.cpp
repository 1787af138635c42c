// The statistics of a batch in parts.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

#include <algorithm>

namespace lanefold::runtime {
namespace {

constexpr int64_t block_rows = LF_BLOCK_ROWS;

int64_t blocks_of(int64_t rows) { return (rows + block_rows - 1) / block_rows; }

// Rows first_row..first_row + m - 1 lie in a batch of at least `least` rows. Returns the blocks in which they lie.
template <class Rules>
int64_t check_part(Rules &check, int64_t m, int64_t first_row, int64_t batch_rows, int64_t least) {
  check.sizes({{"m", m}, {"first_row", first_row}});
  check.sizes({{"batch_rows", batch_rows}}, least);
  if (!check.ok()) return 0;
  if (m > batch_rows || first_row > batch_rows - m)
    check.fail(LF_INVALID_ARGUMENT, "first_row is %lld and m is %lld, but the batch has %lld rows",
               static_cast<long long>(first_row), static_cast<long long>(m), static_cast<long long>(batch_rows));
  return m == 0 ? 0 : blocks_of(first_row + m) - first_row / block_rows;
}

} // namespace

template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_moments_args &args) {
  check.flags("flags", args.flags, LF_SECOND_PASS, "LF_SECOND_PASS");
  check.sizes({{"n", args.n}});
  const int64_t blocks = check_part(check, args.m, args.first_row, args.batch_rows, 2);
  check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  check.writes("moments", args.moments, {3 * blocks, args.n, args.n, ""});
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_merge_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"n", args.n}, {"first_block", args.first_block}});
  check.sizes({{"blocks", args.blocks}}, 1);
  check.sizes({{"batch_rows", args.batch_rows}}, 2);
  const int64_t all = check.ok() ? blocks_of(args.batch_rows) : 0;
  if (check.ok() && (args.blocks > all || args.first_block > all - args.blocks))
    check.fail(LF_INVALID_ARGUMENT, "first_block is %lld and blocks is %lld, but the batch has %lld blocks",
               static_cast<long long>(args.first_block), static_cast<long long>(args.blocks),
               static_cast<long long>(all));
  if (check.ok() && args.batch_norm != nullptr) {
    if (args.first_block + args.blocks != all)
      check.fail(LF_INVALID_ARGUMENT, "batch_norm must be NULL, because more blocks of the batch follow");
    args.batch_norm = check_batch_norm(check, args.batch_norm, BatchNormUse::merge, args.batch_rows, args.n);
  }
  check.reads("moments", args.moments, {3 * args.blocks, args.n, args.n, ""});
  check.writes("merged", args.merged, {3, args.n, args.n, ""});
  check.overlaps();
  return args.n > 0;
}

template <class Rules> bool check_arguments(Rules &check, lf_column_sums_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"n", args.n}});
  check_part(check, args.m, args.first_row, args.batch_rows, 1);
  const bool has_norm = args.batch_norm != nullptr;
  if (has_norm) args.batch_norm = check_batch_norm(check, args.batch_norm, BatchNormUse::sums, args.batch_rows, args.n);
  check.reads("dy", args.dy, {args.m, args.n, args.lddy, "lddy"});
  if (has_norm) check.reads("x", args.x, {args.m, args.n, args.ldx, "ldx"});
  if (args.m > 0) check.writes("sums", args.sums, {has_norm ? 4 : 2, args.n, args.n, ""});
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

// For lf_explain.
template bool check_arguments(Check &, lf_batch_norm_moments_args &);
template bool check_arguments(Check &, lf_batch_norm_merge_args &);
template bool check_arguments(Check &, lf_column_sums_args &);

} // namespace lanefold::runtime

lf_status lf_batch_norm_moments(lf_context *context, const lf_batch_norm_moments_args *args) {
  return lanefold::runtime::run(context, "lf_batch_norm_moments", &lf_kernel_table::batch_norm_moments, args);
}

lf_status lf_batch_norm_merge(lf_context *context, const lf_batch_norm_merge_args *args) {
  return lanefold::runtime::run(context, "lf_batch_norm_merge", &lf_kernel_table::batch_norm_merge, args);
}

lf_status lf_column_sums(lf_context *context, const lf_column_sums_args *args) {
  return lanefold::runtime::run(context, "lf_column_sums", &lf_kernel_table::column_sums, args);
}
