// A block of rows whose parts lie on several ranks is summed in the order of the ranks, twice, as lanefold/parts.h says.
#include "trainer/distributed/batch_statistics.hpp"

#include <cstring>

namespace lanefold::trainer {
namespace {

constexpr int64_t block_rows = LF_BLOCK_ROWS;

int64_t blocks_in(int64_t rows) { return (rows + block_rows - 1) / block_rows; }

// The blocks that end in a share.
Share ended_blocks(const Division &division, Share share) {
  const int64_t begin = share.begin / block_rows;
  return {begin, share.end == division.batch_rows ? blocks_in(share.end) : share.end / block_rows};
}

size_t bytes_of(int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); }

} // namespace

void BatchStatistics::receive(int from, float *values, int64_t count) {
  ranks_.wait(ranks_.receive(from, Channel::statistics, values, bytes_of(count)));
}

void BatchStatistics::send(int to, const float *values, int64_t count) {
  sends_.add(ranks_.send(to, Channel::statistics, values, bytes_of(count)));
}

void BatchStatistics::take_moments(const Division &division, ConstMatrix x) {
  const Share mine = division.mine();
  const Part part{mine.begin, division.batch_rows};
  const int64_t n = x.columns, blocks = part.blocks(mine.size());
  moments_.resize(static_cast<size_t>(3 * n * blocks));
  float *const head = moments_.data(), *const tail = head + 3 * n * (blocks - 1);
  const bool shares_head = mine.begin % block_rows != 0,
             shares_tail = mine.end % block_rows != 0 && mine.end != division.batch_rows;
  if (shares_head) receive(division.rank - 1, head, n);
  context_.batch_norm_moments(part, x, moments_);
  if (shares_tail) send(division.rank + 1, tail, n);
  if (shares_head && (blocks > 1 || !shares_tail)) // its last rows are here: the others need the sum
    for (int to = division.rank_of(mine.begin / block_rows * block_rows); to < division.rank; ++to) send(to, head, n);
  if (shares_tail) {
    sends_.wait();
    const int64_t end = std::min(division.batch_rows, (mine.end / block_rows + 1) * block_rows);
    receive(division.rank_of(end - 1), tail, n);
  }
  if (!shares_head && !shares_tail) return;
  if (shares_head) {
    sends_.wait();
    receive(division.rank - 1, head + n, 2 * n);
  }
  context_.batch_norm_moments(part, x, moments_, true);
  if (shares_tail) send(division.rank + 1, tail + n, 2 * n);
}

void BatchStatistics::merge(const Division &division, BatchNorm &norm, int64_t n) {
  const Share ended = ended_blocks(division, division.mine());
  const bool is_last = division.rank == division.last();
  const BatchNormView view = norm.view();
  if (merging_costs(division, n, {}).cheaper() == Merging::gather) {
    if (!is_last) {
      if (ended.size() > 0) send(division.last(), moments_.data(), 3 * n * ended.size());
      return;
    }
    merged_.resize(static_cast<size_t>(3 * n * (blocks_in(division.batch_rows) + 1)));
    float *const all = merged_.data() + 3 * n;
    for (int from = 0; from < division.last(); ++from)
      if (const Share of = ended_blocks(division, division.share(from)); of.size() > 0)
        receive(from, all + 3 * n * of.begin, 3 * n * of.size());
    std::copy(moments_.begin(), moments_.end(), all + 3 * n * ended.begin);
    return context_.batch_norm_merge(0, division.batch_rows, {all, 3 * n * blocks_in(division.batch_rows)},
                                     {merged_.data(), 3 * n}, &view);
  }
  merged_.resize(static_cast<size_t>(3 * n));
  if (division.rank > 0) receive(division.rank - 1, merged_.data(), 3 * n);
  if (ended.size() > 0)
    context_.batch_norm_merge(ended.begin, division.batch_rows, {moments_.data(), 3 * n * ended.size()}, merged_,
                              is_last ? &view : nullptr);
  if (!is_last) send(division.rank + 1, merged_.data(), 3 * n);
}

void BatchStatistics::take(const Division &division, ConstMatrix x, BatchNorm &norm) {
  const int64_t n = x.columns;
  if (division.mine().size() > 0) {
    take_moments(division, x);
    merge(division, norm, n);
  }
  // The last rank has the results.
  std::vector<float> *const arrays[] = {&norm.mean, &norm.inv_std, &norm.running_mean, &norm.running_var};
  results_.resize(static_cast<size_t>(4 * n));
  float *at = results_.data();
  for (const std::vector<float> *array : arrays) at = std::copy(array->begin(), array->end(), at);
  broadcast(ranks_, division.last(), results_.data(), bytes_of(4 * n));
  const float *from = results_.data();
  for (std::vector<float> *array : arrays) {
    std::copy_n(from, n, array->begin());
    from += n;
  }
  sends_.wait();
}

void BatchStatistics::sum(const Division &division, ConstMatrix dy, ConstMatrix x, const BatchNorm *norm,
                          std::vector<float> &dbeta, std::vector<float> &dgamma, BatchTotals *totals,
                          ConstVector losses) {
  const Share mine = division.mine();
  const Part part{mine.begin, division.batch_rows};
  const int64_t n = dy.columns, rows = norm != nullptr ? 4 : 2;
  const int64_t more = totals != nullptr ? static_cast<int64_t>(sizeof *totals / sizeof(float)) : 0;
  sums_.resize(static_cast<size_t>(rows * n + more));
  const int64_t count = rows * n + more;
  if (mine.size() > 0) {
    BatchTotals all;
    if (division.rank > 0) {
      receive(division.rank - 1, sums_.data(), count);
      std::memcpy(static_cast<void *>(&all), sums_.data() + rows * n, bytes_of(more));
    }
    const Vector sums(sums_.data(), rows * n);
    if (norm != nullptr) context_.column_sums(part, dy, sums, x, norm->view());
    else context_.column_sums(part, dy, sums);
    if (totals != nullptr) {
      context_.column_sums(part, {losses.data, losses.size, 1}, {all.losses, 2});
      all.correct += totals->correct, all.stops |= totals->stops;
      std::memcpy(sums_.data() + rows * n, &all, bytes_of(more));
    }
    if (division.rank < division.last()) {
      send(division.rank + 1, sums_.data(), count);
      sends_.wait();
    }
  }
  broadcast(ranks_, division.last(), sums_.data(), bytes_of(count));
  std::copy_n(sums_.data(), n, dbeta.begin());
  if (norm != nullptr) std::copy_n(sums_.data() + 2 * n, n, dgamma.begin());
  if (totals != nullptr) std::memcpy(static_cast<void *>(totals), sums_.data() + rows * n, sizeof *totals);
}

} // namespace lanefold::trainer
