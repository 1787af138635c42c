// A batch in parts: any division of the rows gives the bits of one call on the whole batch.
#include "support/guarded.hpp"
#include "support/reference.hpp"

#include <algorithm>

using namespace lanefold;
using namespace lanefold::test;

namespace {

// Rows begin..end - 1 of a batch.
struct Rows {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};

// Parts of m rows, cut anywhere.  Some may be empty.
std::vector<Rows> divided(int64_t m, int64_t parts, Random &random) {
  std::vector<int64_t> cuts{0, m};
  for (int64_t i = 1; i < parts; ++i)
    cuts.push_back(random.below(3) == 0 ? std::min(m, LF_BLOCK_ROWS * random.below(6)) : random.below(m + 1));
  std::sort(cuts.begin(), cuts.end());
  std::vector<Rows> made;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) made.push_back({cuts[i], cuts[i + 1]});
  return made;
}

ConstMatrix rows_of(const PaddedMatrix &matrix, Rows rows) {
  return {matrix.data() + rows.begin * matrix.stride(), rows.count(), matrix.columns(), matrix.stride()};
}
Matrix rows_of(PaddedMatrix &matrix, Rows rows) {
  return {matrix.data() + rows.begin * matrix.stride(), rows.count(), matrix.columns(), matrix.stride()};
}

struct Norm {
  std::vector<float> gamma, beta, running_mean, running_var, mean, inv_std;
  uint32_t flags = 0;

  Norm(int64_t n, Random &random)
      : gamma(static_cast<size_t>(n)), beta(gamma), running_mean(gamma), running_var(gamma), mean(gamma),
        inv_std(gamma) {
    for (auto *values : {&gamma, &beta, &running_mean, &running_var})
      for (float &value : *values) value = random.uniform(0.1f, 2);
  }
  BatchNormView view() {
    BatchNormView view;
    view.flags = flags;
    view.gamma = gamma, view.beta = beta, view.running_mean = running_mean, view.running_var = running_var;
    view.mean = mean, view.inv_std = inv_std;
    return view;
  }
  bool operator==(const Norm &) const = default;
};

// The statistics of x, whose rows are divided.  Blocks are merged as their parts end, or all at the end.
void take_statistics(const Context &on, const PaddedMatrix &x, const std::vector<Rows> &parts, bool one_merge,
                     Norm &norm) {
  const int64_t m = x.rows(), n = x.columns(), blocks = (m + LF_BLOCK_ROWS - 1) / LF_BLOCK_ROWS;
  // What is not written yet would be noticed.
  std::vector<float> moments(static_cast<size_t>(3 * n * blocks), NAN), merged(static_cast<size_t>(3 * n), NAN);
  const auto of = [&](int64_t block, int64_t count) { return Vector(moments.data() + 3 * n * block, 3 * n * count); };
  for (const bool is_second : {false, true})
    for (const Rows &rows : parts) {
      const Part part{rows.begin, m};
      on.batch_norm_moments(part, rows_of(x, rows), of(part.first_block(), part.blocks(rows.count())), is_second);
    }
  const BatchNormView view = norm.view();
  if (one_merge) return on.batch_norm_merge(0, m, of(0, blocks), merged, &view);
  for (int64_t block = 0; block < blocks; ++block)
    on.batch_norm_merge(block, m, of(block, 1), merged, block + 1 == blocks ? &view : nullptr);
}

} // namespace

TEST_CASE("statistics of parts are those of the batch") {
  const Context one = context(1), three = context(3);
  Random random(71);
  for (const int64_t m : {2, 3, 37, 200, 255, 256, 257, 512, 700, 1100, 1300})
    for (const int64_t n : {1, 5, 16, 31, 64, 100, 300}) {
      if (passed_over()) continue;
      PaddedMatrix x(m, n, 3), y(m, n, 1), whole_y(m, n);
      x.random(random, -3, 9);
      Norm whole(n, random);
      whole.flags = random.below(2) ? LF_UNBIASED_RUNNING_VAR : 0;
      const Activation activation{static_cast<int32_t>(random.below(LF_ACTIVATION_COUNT)), 0.5f};
      for (const int64_t count : {1, 2, 3, 7}) {
        Norm expected = whole, parts = whole;
        one.batch_norm_forward(x, expected.view(), whole_y, LF_TRAINING, activation);
        const std::vector<Rows> division = divided(m, count, random);
        const Context &on = random.below(2) ? one : three;
        take_statistics(on, x, division, random.below(2) == 0, parts);
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(count);
        CHECK(parts == expected);
        for (const Rows &rows : division)
          on.batch_norm_forward(rows_of(x, rows), parts.view(), rows_of(y, rows), LF_BATCH_STATISTICS, activation);
        CHECK(differing(y, whole_y) == 0);
        CHECK(y.gaps_untouched());
      }
    }
}

TEST_CASE("sums and gradients of parts are those of the batch") {
  const Context one = context(1), three = context(3);
  Random random(72);
  for (const int64_t m : {2, 3, 37, 200, 256, 257, 700, 1300})
    for (const int64_t n : {1, 5, 16, 31, 64, 100, 300}) {
      if (passed_over()) continue;
      PaddedMatrix x(m, n, 3), dy(m, n, 2), dx(m, n, 1), whole_dx(m, n);
      x.random(random, -3, 9), dy.random(random, -1, 1);
      Norm norm(n, random);
      one.batch_norm_forward(x, norm.view(), whole_dx, LF_TRAINING);
      std::vector<float> dgamma(static_cast<size_t>(n)), dbeta(dgamma);
      one.batch_norm_backward(x, norm.view(), dy, whole_dx, dgamma, dbeta);
      for (const int64_t count : {1, 2, 3, 7}) {
        const std::vector<Rows> division = divided(m, count, random);
        const Context &on = random.below(2) ? one : three;
        const auto size = static_cast<size_t>(n);
        std::vector<float> sums(4 * size, NAN), plain(2 * size, NAN);
        for (const Rows &rows : division) {
          on.column_sums({rows.begin, m}, rows_of(dy, rows), sums, rows_of(x, rows), norm.view());
          on.column_sums({rows.begin, m}, rows_of(dy, rows), plain);
        }
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(count);
        const auto row = [&](const std::vector<float> &of, size_t i) {
          return std::vector<float>(of.data() + i * size, of.data() + (i + 1) * size);
        };
        CHECK(row(sums, 0) == dbeta);
        CHECK(row(sums, 2) == dgamma);
        CHECK(row(plain, 0) == dbeta);
        for (const auto &open : {row(sums, 1), row(sums, 3), row(plain, 1)}) CHECK(open == std::vector<float>(size));
        for (const Rows &rows : division)
          on.batch_norm_backward(rows_of(x, rows), norm.view(), rows_of(dy, rows), rows_of(dx, rows), dgamma, dbeta, m);
        CHECK(differing(dx, whole_dx) == 0);
        CHECK(dx.gaps_untouched());
      }
    }
}

TEST_CASE("losses of parts have the gradient and the sum of the batch") {
  const Context one = context(1);
  Random random(73);
  for (const int64_t m : {1, 3, 200, 257, 700})
    for (const int64_t n : {1, 2, 10, 33}) {
      PaddedMatrix x(m, n, 3), targets(m, n), dx(m, n, 1), whole_dx(m, n);
      x.random(random, -3, 3), targets.random(random, 0, 1);
      const std::vector<Rows> division = divided(m, 4, random);
      std::vector<int32_t> labels;
      std::vector<float> weights;
      for (int64_t i = 0; i < m; ++i)
        labels.push_back(static_cast<int32_t>(random.below(n))), weights.push_back(random.uniform(0, 2));
      for (int32_t code = -1; code < LF_LOSS_COUNT; ++code) { // -1: softmax cross-entropy
        const auto loss_of = [&](Rows rows, Matrix gradient, Vector losses, int64_t batch_rows) {
          const auto first = static_cast<size_t>(rows.begin);
          const ConstVector w(weights.data() + first, rows.count());
          return code < 0 ? one.softmax_cross_entropy(rows_of(x, rows), {labels.data() + first, rows.count()}, gradient,
                                                      w, losses, batch_rows)
                          : one.elementwise_loss({code, 0.5f}, rows_of(x, rows), rows_of(targets, rows), gradient, w,
                                                 losses, batch_rows);
        };
        const float whole = loss_of({0, m}, whole_dx, {}, 0);
        float sums[2] = {NAN, NAN};
        for (const Rows &rows : division) {
          if (rows.count() == 0) continue;
          std::vector<float> losses(static_cast<size_t>(rows.count()));
          loss_of(rows, rows_of(dx, rows), losses, m);
          one.column_sums({rows.begin, m}, {losses.data(), rows.count(), 1}, {sums, 2});
        }
        CAPTURE(code);
        CAPTURE(m);
        CAPTURE(n);
        CHECK(sums[0] / static_cast<float>(code < 0 ? m : m * n) == whole);
        CHECK(differing(dx, whole_dx) == 0);
      }
    }
}

TEST_CASE("the gradient of the weights goes on from that of the parts before") {
  const Context one = context(1), three = context(3);
  Random random(74);
  for (const int64_t m : {3, 200, 700})
    for (const auto &[k, n] : {std::pair<int64_t, int64_t>{5, 3}, {33, 17}, {100, 70}}) {
      PaddedMatrix x(m, k, 1), dz(m, n, 2), dw(k, n, 3), whole(k, n);
      x.random(random, -1, 1), dz.random(random, -1, 1);
      one.sgemm(transpose(x), dz, whole);
      const std::vector<Rows> division = divided(m, 4, random);
      const Context &on = random.below(2) ? one : three;
      for (const Rows &rows : division)
        on.sgemm(transpose(rows_of(x, rows)), rows_of(dz, rows), dw, 1, rows.begin == 0 ? 0 : 1);
      CHECK(differing(dw, whole) == 0);
    }
}
