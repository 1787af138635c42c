// The schedule that batch normalization and its gradient share: reduce each column over all rows, merge the partial sums,
// then apply the results to every row.  Where one task can own a column from top to bottom, all three steps run while its
// panel is in cache.
#pragma once

#include <kernels/norm/statistics.hpp>

namespace lanefold::norm {

inline constexpr int64_t least_elements = 1 << 14; // elements that repay handing a task to another thread

// The rows that one strip takes: of arrays in cache, and of several arrays beyond it.
inline constexpr int64_t near_rows = 32, far_rows = 8;

// Calls strip(first row, end row, Columns) for a few rows at a time, and for all columns in these rows.  Rows beyond L1
// are therefore read in the order of memory.  A strip lies in one block of rows if the first row begins a block.
template <class S, int64_t strip_rows = near_rows, class Strip>
void for_strips(Range rows, Range columns, const Strip &strip) {
  static_assert(block_rows % strip_rows == 0);
  for (int64_t i = rows.begin; i < rows.end; i += strip_rows)
    simd::for_columns<S, 4>(columns.begin, columns.end,
                            [&](const auto &column) { strip(i, smaller(i + strip_rows, rows.end), column); });
}

// The three steps of a reduction.  Function pointers, so that the schedule is compiled once.
struct Reduction {
  const void *self;
  void (*reduce)(const void *self, Range rows, Range columns); // rows to partial sums; rows.begin starts a block
  void (*merge)(const void *self, Range columns);              // partial sums to results
  void (*apply)(const void *self, Range rows, Range columns);  // results to rows
};

// R has const members reduce(rows, columns), merge(columns) and apply(rows, columns).  r must outlive the reduction.
template <class R> Reduction reduction_of(const R &&) = delete; // a temporary does not
template <class R> Reduction reduction_of(const R &r) {
  return {&r, [](const void *self, Range rows, Range columns) { static_cast<const R *>(self)->reduce(rows, columns); },
          [](const void *self, Range columns) { static_cast<const R *>(self)->merge(columns); },
          [](const void *self, Range rows, Range columns) { static_cast<const R *>(self)->apply(rows, columns); }};
}

// The last step alone.
inline void apply(const lf_host *host, const Reduction &r, int64_t m, int64_t n) {
  const int64_t most = most_tasks(host->threads);
  const int64_t pieces = larger(1, smaller(most, smaller(ceil_div(m, block_rows), m * n / least_elements)));
  for_each_task(host, pieces, [&](int64_t index) { r.apply(r.self, piece(m, block_rows, pieces, index), {0, n}); });
}

// The second half, for a reduction whose reduce() has run elsewhere.
inline void merge_and_apply(const lf_host *host, const Reduction &r, int64_t m, int64_t n) {
  r.merge(r.self, {0, n});
  apply(host, r, m, n);
}

// width: lanes of a vector.
inline void run(const lf_host *host, const Reduction &r, int64_t m, int64_t n, int64_t width) {
  const int64_t unit = 2 * width;
  // Floats of a task's panel in each array, of which there are up to four: together they roughly fill L2.
  constexpr int64_t panel_floats = 1 << 16;
  const int64_t most = most_tasks(host->threads);
  const int64_t repaid = larger(1, smaller(most, m * n / least_elements));
  const int64_t panels =
      smaller(ceil_div(n, unit), larger(repaid, ceil_div(n, larger(4 * unit, panel_floats / larger(1, m)))));
  if (m <= 4 * block_rows || repaid <= panels) {
    for_each_task(host, panels, [&](int64_t index) {
      const Range columns = piece(n, unit, panels, index);
      r.reduce(r.self, {0, m}, columns);
      r.merge(r.self, columns);
      r.apply(r.self, {0, m}, columns);
    });
    return;
  }
  const int64_t pieces = smaller(repaid, ceil_div(m, block_rows));
  for_each_task(host, pieces, [&](int64_t index) { r.reduce(r.self, piece(m, block_rows, pieces, index), {0, n}); });
  merge_and_apply(host, r, m, n);
}

} // namespace lanefold::norm
