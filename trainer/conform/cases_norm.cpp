// Random cases of batch normalization, and of a batch in parts.
#include "trainer/conform/maker.hpp"

#include <algorithm>
#include <limits>

namespace lanefold::trainer::conform {
namespace {

constexpr double unread = std::numeric_limits<double>::quiet_NaN(); // a read of it shows in the results

// Places the m rows of a part in a batch of at least `least` rows.
struct Part {
  int64_t first_row, batch_rows;

  Part(Maker &make, int64_t m, int64_t least) {
    first_row = make.chance(3) ? 0 : make.chance(2) ? make.below(3) * LF_BLOCK_ROWS : make.below(600);
    if (make.chance(4)) first_row = std::max<int64_t>(0, (first_row / LF_BLOCK_ROWS + 1) * LF_BLOCK_ROWS - m);
    batch_rows = std::max(least, first_row + m + (make.chance(2) ? 0 : make.below(600)));
    make.set("first_row", static_cast<double>(first_row)), make.set("batch_rows", static_cast<double>(batch_rows));
  }
};

} // namespace

// What a loss has in a part of a batch.
void losses_of_part(Maker &make, int64_t m) {
  if (make.chance(3)) make.set("batch_rows", static_cast<double>(m + make.below(400)));
  if (make.chance(3)) make.writes("losses", 1, m);
}

// What a forward pass of a normalization needs; in training m is at least 2.
void normalization(Maker &make, int64_t n, bool training) {
  make.set("training", training), make.set("eps", make.uniform(1e-4, 1e-2)), make.set("momentum", make.uniform(0, 1));
  make.set("unbiased", make.chance(2));
  make.reads("gamma", 1, n, 0.5, 1.5), make.reads("beta", 1, n);
  if (!training) return make.reads("running_mean", 1, n), make.reads("running_var", 1, n, 0.5, 2);
  if (!make.chance(4)) make.updates("running_mean", 1, n), make.updates("running_var", 1, n, 0.5, 2);
  if (!make.chance(4)) make.writes("mean", 1, n), make.writes("inv_std", 1, n);
}

void batch_norm_forward(Maker &make, const Sizes &s) {
  const bool training = make.chance(3) && s.m > 1, of_batch = !training && make.chance(2);
  // A mean far from 0 shows a variance that is computed as mean(x^2) - mean(x)^2.
  const double center = training && make.chance(4) ? 100 : 0;
  make.reads("x", s.m, s.n, center - 1, center + 1);
  if (make.chance(2)) set_activation(make);
  if (of_batch) {
    make.set("of_batch", 1);
    make.reads("gamma", 1, s.n, 0.5, 1.5), make.reads("beta", 1, s.n);
    make.reads("mean", 1, s.n), make.reads("inv_std", 1, s.n, 0.5, 2);
  } else normalization(make, s.n, training);
  make.writes("y", s.m, s.n);
  if (make.chance(4)) make.last().in_place_of = "x";
}

void batch_norm_backward(Maker &make, const Sizes &s) {
  const bool of_batch = make.chance(3);
  const int64_t m = of_batch ? s.m : std::max<int64_t>(s.m, 2);
  make.reads("x", m, s.n), make.reads("dy", m, s.n);
  make.reads("gamma", 1, s.n, 0.5, 1.5), make.reads("mean", 1, s.n), make.reads("inv_std", 1, s.n, 0.5, 2);
  if (of_batch) {
    make.set("of_batch", 1), make.set("batch_rows", static_cast<double>(std::max<int64_t>(m, 2) + make.below(400)));
    make.reads("dgamma", 1, s.n, -9, 9), make.reads("dbeta", 1, s.n, -9, 9);
  } else {
    make.writes("dgamma", 1, s.n), make.writes("dbeta", 1, s.n);
    if (make.chance(4)) return; // no dx
  }
  make.writes("dx", m, s.n);
  if (make.chance(4)) make.last().in_place_of = "dy";
}

void fold_batch_norm(Maker &make, const Sizes &s) {
  make.set("eps", make.uniform(1e-4, 1e-2));
  make.reads("w", s.k, s.n);
  const bool has_bias = make.chance(2);
  if (has_bias) make.reads("bias", 1, s.n);
  make.reads("gamma", 1, s.n, -1.5, 1.5), make.reads("beta", 1, s.n);
  make.reads("running_mean", 1, s.n), make.reads("running_var", 1, s.n, 0.5, 2);
  make.writes("folded_w", s.k, s.n);
  if (make.chance(4)) make.last().in_place_of = "w";
  make.writes("folded_bias", 1, s.n);
  if (has_bias && make.chance(4)) make.last().in_place_of = "bias";
  if (make.chance(2)) make.set("largest_x", make.uniform(0, 4)), make.writes("error_bound", 1, s.n);
}

void batch_norm_moments(Maker &make, const Sizes &s) {
  const Part part(make, s.m, 2);
  const bool is_second = make.way(2) != 0;
  make.set("second_pass", is_second);
  const double center = make.chance(4) ? 100 : 0;
  make.reads("x", s.m, s.n, center - 1, center + 1);
  const int64_t first = part.first_row / LF_BLOCK_ROWS, end = part.first_row + s.m;
  const int64_t blocks = (end + LF_BLOCK_ROWS - 1) / LF_BLOCK_ROWS - first;
  make.updates("moments", 1, 3 * s.n * blocks);
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t begin = (first + b) * LF_BLOCK_ROWS,
                  rows = std::min(LF_BLOCK_ROWS + int64_t{}, part.batch_rows - begin);
    const bool begins = begin >= part.first_row, ends = begin + rows <= end;
    double *const sum = &make.last().values[static_cast<size_t>(3 * s.n * b)];
    // The first pass reads the sum of a block that goes on.  The second reads that of every shared block, and the rest of
    // the carry.
    for (int64_t j = 0; j < s.n; ++j) {
      sum[j] = is_second ? static_cast<float>((sum[j] + center) * static_cast<double>(rows)) : sum[j];
      if (begins && (!is_second || ends)) sum[j] = unread;
      if (begins || !is_second) sum[s.n + j] = sum[2 * s.n + j] = unread;
      else sum[2 * s.n + j] += 2; // a sum of squares
    }
  }
}

void batch_norm_merge(Maker &make, const Sizes &s) {
  const int64_t blocks = 1 + (s.m - 1) % 9, first_block = make.chance(3) ? 0 : make.below(5);
  make.set("first_block", static_cast<double>(first_block)), make.set("blocks", static_cast<double>(blocks));
  const bool is_last = make.chance(2);
  const int64_t rest = (make.chance(3) ? 1 : 2) + make.below(LF_BLOCK_ROWS - 1); // the rows of the last block
  const int64_t batch_rows = (first_block + blocks - 1 + (is_last ? 0 : 1 + make.below(2))) * LF_BLOCK_ROWS + rest;
  make.set("batch_rows", static_cast<double>(std::max<int64_t>(batch_rows, 2)));
  const auto add_positive_m2 = [&](int64_t count) {
    for (int64_t b = 0; b < count; ++b)
      for (int64_t j = 0; j < s.n; ++j) {
        double *const base = &make.last().values[static_cast<size_t>(3 * s.n * b + j)];
        base[s.n] *= 0x1p-20, base[2 * s.n] = static_cast<float>(base[2 * s.n] + 2);
      }
  };
  make.reads("moments", 1, 3 * s.n * blocks), add_positive_m2(blocks);
  if (first_block == 0) make.writes("merged", 1, 3 * s.n);
  else make.updates("merged", 1, 3 * s.n), add_positive_m2(1);
  if (!is_last || make.chance(4)) return;
  make.set("eps", make.uniform(1e-4, 1e-2)), make.set("momentum", make.uniform(0, 1));
  make.set("unbiased", make.chance(2));
  const bool keeps_running = !make.chance(4);
  if (keeps_running) make.updates("running_mean", 1, s.n), make.updates("running_var", 1, s.n, 0.5, 2);
  if (!keeps_running || !make.chance(4)) make.writes("mean", 1, s.n), make.writes("inv_std", 1, s.n);
}

void column_sums(Maker &make, const Sizes &s) {
  const Part part(make, s.m, 1);
  const bool has_norm = make.chance(2);
  make.reads("dy", s.m, s.n);
  if (has_norm) make.reads("x", s.m, s.n), make.reads("mean", 1, s.n), make.reads("inv_std", 1, s.n, 0.5, 2);
  const int64_t sums = (has_norm ? 4 : 2) * s.n;
  if (part.first_row == 0) make.writes("sums", 1, sums);
  else make.updates("sums", 1, sums, -20, 20);
}

} // namespace lanefold::trainer::conform
