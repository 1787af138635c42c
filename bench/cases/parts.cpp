// Batch normalization of a batch in parts, against the call on the whole batch: what the carries and the second pass over
// the rows cost.  A part of 200 rows shares its blocks with its neighbours, and a part of 256 rows shares none.
#include "cases.hpp"

#include <algorithm>

namespace lanefold::bench {
namespace {

struct PartsData {
  PartsData(int64_t rows, int64_t columns, Memory memory)
      : m(rows), n(columns), x(memory.random(m * n, 1, -1, 3)), y(memory.floats(m * n)), whole_y(memory.floats(m * n)),
        gamma(memory.random(n, 2, 0.5f, 1.5f)), beta(memory.random(n, 3)), mean(memory.floats(n)),
        inv_std(memory.floats(n)), moments(memory.floats(3 * n * Part{0, m}.blocks(m))), merged(memory.floats(3 * n)) {
    norm.eps = 1e-3f;
    norm.gamma = {gamma.data(), n}, norm.beta = {beta.data(), n};
    norm.mean = {mean.data(), n}, norm.inv_std = {inv_std.data(), n};
  }
  PartsData(const PartsData &) = delete;

  void whole(const Context &context) {
    context.batch_norm_forward({x.data(), m, n}, norm, {whole_y.data(), m, n}, LF_TRAINING);
  }
  void in_parts(const Context &context, int64_t rows) {
    for (const bool is_second : {false, true})
      for (int64_t begin = 0; begin < m; begin += rows) {
        const Part part{begin, m};
        const int64_t count = std::min(rows, m - begin);
        const Vector of(moments.data() + 3 * n * part.first_block(), 3 * n * part.blocks(count));
        context.batch_norm_moments(part, {x.data() + begin * n, count, n}, of, is_second);
      }
    const ConstVector all(moments.data(), static_cast<int64_t>(moments.size()));
    context.batch_norm_merge(0, m, all, {merged.data(), 3 * n}, &norm);
    for (int64_t begin = 0; begin < m; begin += rows) {
      const int64_t count = std::min(rows, m - begin);
      context.batch_norm_forward({x.data() + begin * n, count, n}, norm, {y.data() + begin * n, count, n},
                                 LF_BATCH_STATISTICS);
    }
  }
  std::string mismatch(const Floats &values) const {
    Norm reference{norm.eps, widened(gamma), widened(beta), Doubles(static_cast<size_t>(n)),
                   Doubles(static_cast<size_t>(n))};
    return find_mismatch("y", values, reference.forward(widened(x), true), m);
  }

  int64_t m, n;
  Floats x, y, whole_y, gamma, beta, mean, inv_std, moments, merged;
  BatchNormView norm;
};

void add_parts_case(List &list, int64_t m, int64_t n, int64_t rows) {
  const double count = static_cast<double>(m * n);
  Fields whole;
  whole.family = "norm", whole.op = "batch_norm", whole.pass = "training", whole.form = "whole", whole.m = m,
  whole.n = n;
  Fields parts = whole;
  parts.form = "parts-of-" + std::to_string(rows);
  Case bench_case;
  bench_case.variants = {{"parts", parts, {0, 8 * count, count}, ""}, {"whole", whole, {0, 8 * count, count}, ""}};
  bench_case.ratios = {{"over-whole", Ratio::times, "parts", "whole"}};
  bench_case.make = [=](CaseBuilder &builder) {
    const auto d = builder.keep<PartsData>(m, n, builder.memory);
    const auto context = builder.setting.context;
    builder.add("parts", [=] { d->in_parts(*context, rows); }, {{&d->y}, {}, [=] { return d->mismatch(d->y); }});
    builder.add("whole", [=] { d->whole(*context); }, {{&d->whole_y}, {}, [=] { return d->mismatch(d->whole_y); }});
  };
  list.cases.push_back(bench_case);
}

} // namespace

void add_parts(List &list) {
  add_parts_case(list, 2000, 300, 200);
  add_parts_case(list, 2048, 300, 256);
}

} // namespace lanefold::bench
