// The schedule that batch normalization and its gradient share: reduce each column over all rows, merge, then apply the
// result to every row.  If one task can own a column from top to bottom, all three happen while its panel is in cache.
#pragma once

#include <kernels/norm/statistics.hpp>

namespace lanefold::norm {

inline constexpr int64_t least_elements = 1 << 14; // elements that repay handing a task to another thread

inline constexpr int64_t near_rows = 32, far_rows = 8; // in cache; from beyond it, several arrays at once

// Calls strip(first row, end row, Columns) for a few rows at a time, and in these for all columns: rows that lie beyond
// the first-level cache are met in the order of memory.  A strip lies in one block of rows if the first row begins one.
template <class S, int64_t at_once = near_rows, class Strip>
void for_strips(Range rows, Range columns, const Strip &strip) {
  static_assert(block_rows % at_once == 0);
  for (int64_t i = rows.begin; i < rows.end; i += at_once)
    simd::for_columns<S, 4>(columns.begin, columns.end,
                            [&](const auto &column) { strip(i, smaller(i + at_once, rows.end), column); });
}

// A Reduction has
//   reduce(row, rows, column, columns)   row is a multiple of 256: partial sums of each block
//   merge(column, columns)               partial sums to results
//   apply(row, rows, column, columns)    results to rows
template <class Reduction> void reduce_merge_apply(const Reduction &r, int64_t m, int64_t column, int64_t columns) {
  r.reduce(0, m, column, columns);
  r.merge(column, columns);
  r.apply(0, m, column, columns);
}

// The second half, for a reduction whose reduce() has run elsewhere.
template <class S, class Reduction>
void merge_and_apply(const lf_host *host, const Reduction &r, int64_t m, int64_t n) {
  r.merge(0, n);
  const int64_t most = most_tasks(host->threads);
  const int64_t pieces = larger(1, smaller(most, smaller(ceil_div(m, block_rows), m * n / least_elements)));
  for_each_task(host, pieces, [&](int64_t index) {
    const Range rows = piece(m, block_rows, pieces, index);
    r.apply(rows.begin, rows.size(), 0, n);
  });
}

template <class S, class Reduction> void run(const lf_host *host, const Reduction &r, int64_t m, int64_t n) {
  constexpr int64_t unit = 2 * S::width;
  // Of each array, of which there are up to four: about the second-level cache.
  constexpr int64_t panel_floats = 1 << 16;
  const int64_t most = most_tasks(host->threads);
  const int64_t repaid = larger(1, smaller(most, m * n / least_elements));
  const int64_t groups =
      smaller(ceil_div(n, unit), larger(repaid, ceil_div(n, larger(4 * unit, panel_floats / larger(1, m)))));
  if (m <= 4 * block_rows || repaid <= groups) {
    for_each_task(host, groups, [&](int64_t index) {
      const Range columns = piece(n, unit, groups, index);
      reduce_merge_apply(r, m, columns.begin, columns.size());
    });
    return;
  }
  const int64_t pieces = smaller(repaid, ceil_div(m, block_rows));
  for_each_task(host, pieces, [&](int64_t index) {
    const Range rows = piece(m, block_rows, pieces, index);
    r.reduce(rows.begin, rows.size(), 0, n);
  });
  merge_and_apply<S>(host, r, m, n);
}

} // namespace lanefold::norm
