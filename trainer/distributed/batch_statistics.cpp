// A block of rows that several ranks share is summed in their order: lanefold/parts.h.
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

// The rank that has the last row of the block of this row.
int end_of_block(const Division &division, int64_t row) {
  return division.rank_of(std::min(division.batch_rows, (row / block_rows + 1) * block_rows) - 1);
}

size_t bytes_of(int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); }

ConstMatrix rows_of(ConstMatrix x, Share rows) {
  return x.data == nullptr ? x : ConstMatrix(x.data + rows.begin * x.stride, rows.size(), x.columns, x.stride);
}

} // namespace

void BatchStatistics::receive(int from, float *values, int64_t count) {
  ranks_.wait(ranks_.receive(from, Channel::statistics, values, bytes_of(count)));
}

void BatchStatistics::send(int to, const float *values, int64_t count) {
  sends_.add(ranks_.send(to, Channel::statistics, values, bytes_of(count)));
}

BatchStatistics::Sections BatchStatistics::sections_of(const Division &division) {
  const Share mine = division.mine();
  const int64_t m = mine.size(), offset = mine.begin % block_rows;
  const auto ends_at = [&](int64_t row) { return row % block_rows == 0 || row == division.batch_rows; };
  Sections sections{{{0, 0}}, {{0, m}}, {{m, m}}};
  if (offset != 0) {
    const int64_t end = std::min(m, block_rows - offset);
    sections.head = {{0, end}, ends_at(mine.begin + end)};
    sections.whole.rows.begin = end;
  }
  if (sections.whole.rows.size() > 0 && !ends_at(mine.end)) {
    const int64_t begin = std::max(sections.whole.rows.begin, m - mine.end % block_rows);
    sections.tail = {{begin, m}, false};
    sections.whole.rows.end = begin;
  }
  return sections;
}

// First the tail, because the next rank waits for it.
void BatchStatistics::take_moments(const Division &division, size_t layer, ConstMatrix x) {
  const Share mine = division.mine();
  const auto [head, whole, tail] = sections_of(division);
  const int64_t n = x.columns, first_block = mine.begin / block_rows, blocks = blocks_in(mine.end) - first_block;
  moments_.resize(static_cast<size_t>(3 * n * blocks));
  float *const of_head = moments_.data(), *const of_tail = of_head + 3 * n * (blocks - 1);
  const auto pass = [&](const Section &section, bool is_second) {
    const Part part{mine.begin + section.rows.begin, division.batch_rows};
    const int64_t block = part.first_block() - first_block;
    ranks_.run({StepTask::moments, layer, section.rows.size()}, [&] {
      context_.batch_norm_moments(part, rows_of(x, section.rows),
                                  {moments_.data() + 3 * n * block, 3 * n * part.blocks(section.rows.size())},
                                  is_second);
    });
  };
  // The sum of a block goes on to the rank that has its end, which hands it back.
  if (tail.rows.size() > 0) pass(tail, false), send(division.rank + 1, of_tail, n);
  if (whole.rows.size() > 0) pass(whole, false);
  if (head.rows.size() > 0) {
    receive(division.rank - 1, of_head, n);
    pass(head, false);
    if (!head.ends) send(division.rank + 1, of_head, n);
    else
      for (int to = division.rank_of(first_block * block_rows); to < division.rank; ++to) send(to, of_head, n);
  }
  sends_.wait(); // what was sent is received in the same place
  if (tail.rows.size() > 0) {
    receive(end_of_block(division, mine.end - 1), of_tail, n);
    pass(tail, true);
    send(division.rank + 1, of_tail + n, 2 * n);
  }
  if (head.rows.size() == 0) return;
  if (!head.ends) receive(end_of_block(division, mine.begin), of_head, n);
  receive(division.rank - 1, of_head + n, 2 * n);
  pass(head, true);
  if (!head.ends) send(division.rank + 1, of_head + n, 2 * n);
}

void BatchStatistics::merge(const Division &division, size_t layer, BatchNorm &norm, int64_t n) {
  const Share ended = ended_blocks(division, division.mine());
  const bool is_last = division.rank == division.last();
  const BatchNormView view = norm.view();
  if (merging_costs(division, 12 * n, link_).cheaper() == Merging::gather) {
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
    return ranks_.run({StepTask::merge, layer, blocks_in(division.batch_rows)}, [&] {
      context_.batch_norm_merge(0, division.batch_rows, {all, 3 * n * blocks_in(division.batch_rows)},
                                {merged_.data(), 3 * n}, &view);
    });
  }
  merged_.resize(static_cast<size_t>(3 * n));
  if (division.rank > 0) receive(division.rank - 1, merged_.data(), 3 * n);
  if (ended.size() > 0)
    ranks_.run({StepTask::merge, layer, ended.size()}, [&] {
      context_.batch_norm_merge(ended.begin, division.batch_rows, {moments_.data(), 3 * n * ended.size()}, merged_,
                                is_last ? &view : nullptr);
    });
  if (!is_last) send(division.rank + 1, merged_.data(), 3 * n);
}

void BatchStatistics::take(const Division &division, size_t layer, ConstMatrix x, BatchNorm &norm) {
  const int64_t n = x.columns;
  if (division.mine().size() > 0) {
    take_moments(division, layer, x);
    merge(division, layer, norm, n);
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

// Sums the rows of a section in one block, from the carry, which is 0 where the block begins.  If the block ends here, its
// sums are left in the rows of all blocks, otherwise in the carry.
void BatchStatistics::sum_block(const Division &division, const Section &section, const Columns &columns, int64_t block,
                                std::vector<float> &carry) {
  const int64_t n = columns.dy.columns, m = section.rows.size(), arrays = columns.norm != nullptr ? 2 : 1,
                width = static_cast<int64_t>(carry.size()) / 2;
  const Part part{division.mine().begin + section.rows.begin, division.batch_rows};
  // For each array, lf_column_sums() has a row of finished blocks, which stays 0 until this one is finished, and the
  // carry.
  float *const sums = carry.data(), *const losses = sums + 2 * n * arrays;
  const ConstMatrix dy = rows_of(columns.dy, section.rows);
  if (columns.norm == nullptr) context_.column_sums(part, dy, {sums, 2 * n});
  else context_.column_sums(part, dy, {sums, 4 * n}, rows_of(columns.x, section.rows), columns.norm->view());
  if (columns.totals != nullptr)
    context_.column_sums(part, {columns.losses.data + section.rows.begin, m, 1}, {losses, 2});
  if (!section.ends) return;
  float *const out = sums_.data() + width * block;
  for (int64_t array = 0; array < arrays; ++array) std::copy_n(sums + 2 * n * array, n, out + n * array);
  if (columns.totals != nullptr) out[n * arrays] = losses[0];
}

void BatchStatistics::sum(const Division &division, size_t layer, const Columns &columns) {
  const Share mine = division.mine();
  const int64_t n = columns.dy.columns, arrays = columns.norm != nullptr ? 2 : 1,
                width = n * arrays + (columns.totals != nullptr ? 1 : 0), carried = 2 * width,
                first_block = mine.begin / block_rows;
  sums_.resize(static_cast<size_t>(width * (blocks_in(mine.end) - first_block)));
  const auto run = [&](const Section &section, int64_t block, std::vector<float> &carry) {
    ranks_.run({StepTask::sums, layer, section.rows.size()},
               [&] { sum_block(division, section, columns, block, carry); });
  };
  const auto [head, whole, tail] = sections_of(division);
  if (tail.rows.size() > 0) {
    tail_.assign(static_cast<size_t>(carried), 0);
    run(tail, 0, tail_);
    send(division.rank + 1, tail_.data(), carried);
  }
  for (int64_t row = whole.rows.begin; row < whole.rows.end; row += block_rows) {
    carry_.assign(static_cast<size_t>(carried), 0);
    run({{row, std::min(whole.rows.end, row + block_rows)}}, (mine.begin + row) / block_rows - first_block, carry_);
  }
  if (head.rows.size() > 0) {
    carry_.resize(static_cast<size_t>(carried));
    receive(division.rank - 1, carry_.data(), carried);
    run(head, 0, carry_);
    if (!head.ends) send(division.rank + 1, carry_.data(), carried);
  }
  BatchTotals none;
  add_blocks(division, layer, width, columns.totals != nullptr ? *columns.totals : none);
  std::copy_n(all_.data(), n, columns.dbeta.begin());
  if (columns.norm != nullptr) std::copy_n(all_.data() + n, n, columns.dgamma.begin());
  if (columns.totals != nullptr) columns.totals->loss = all_[static_cast<size_t>(n * arrays)];
}

// Adds the sums of blocks in ascending order, and the totals.  all_ has both, the totals last.
void BatchStatistics::add_blocks(const Division &division, size_t layer, int64_t width, BatchTotals &totals) {
  constexpr auto more = static_cast<int64_t>(sizeof totals / sizeof(float));
  const bool is_last = division.rank == division.last();
  const auto put_totals = [&](float *to) { std::memcpy(to, &totals, sizeof totals); };
  const auto add_totals = [&](const float *from) {
    BatchTotals others;
    std::memcpy(static_cast<void *>(&others), from, sizeof others);
    totals.correct += others.correct, totals.stops |= others.stops;
  };
  // others: totals that came from another rank, or NULL.
  const auto add = [&](const std::vector<float> &sums, int64_t blocks, const float *others = nullptr) {
    ranks_.run({StepTask::merge, layer, blocks}, [&] {
      if (others != nullptr) add_totals(others);
      const float *from = sums.data();
      for (int64_t block = 0; block < blocks; ++block)
        for (int64_t j = 0; j < width; ++j) all_[static_cast<size_t>(j)] += *from++;
    });
  };
  all_.assign(static_cast<size_t>(width + more), 0);
  if (division.mine().size() > 0) {
    const int64_t ended = ended_blocks(division, division.mine()).size();
    if (merging_costs(division, 4 * width, link_).cheaper() == Merging::carry) {
      if (division.rank > 0) receive(division.rank - 1, all_.data(), width + more);
      add(sums_, ended, division.rank > 0 ? all_.data() + width : nullptr);
      put_totals(all_.data() + width);
      if (!is_last) send(division.rank + 1, all_.data(), width + more);
    } else if (!is_last) {
      sums_.resize(static_cast<size_t>(width * ended + more));
      put_totals(sums_.data() + width * ended);
      send(division.last(), sums_.data(), width * ended + more);
    } else {
      for (int from = 0; from < division.last(); ++from) {
        const int64_t blocks = ended_blocks(division, division.share(from)).size();
        merged_.resize(static_cast<size_t>(width * blocks + more));
        receive(from, merged_.data(), width * blocks + more);
        add(merged_, blocks, merged_.data() + width * blocks);
      }
      add(sums_, ended);
      put_totals(all_.data() + width);
    }
  }
  sends_.wait();
  broadcast(ranks_, division.last(), all_.data(), bytes_of(width + more));
  std::memcpy(static_cast<void *>(&totals), all_.data() + width, sizeof totals);
}

} // namespace lanefold::trainer
