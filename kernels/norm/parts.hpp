// The statistics of a batch in parts: the same sums in the same order, with a carry where a block of rows goes on in
// another part.
#pragma once

#include <kernels/norm/forward.hpp>

#include <lanefold/parts.h>

namespace lanefold::norm {

static_assert(LF_BLOCK_ROWS == block_rows);

// What a part of a batch has of one block.
struct BlockPart {
  Range rows;        // of the part
  int64_t all_rows;  // of the block
  bool begins, ends; // the block begins or ends in this part
};

struct Part {
  int64_t first_row, m, batch_rows;

  int64_t first_block() const { return first_row / block_rows; }
  int64_t blocks() const { return ceil_div(first_row + m, block_rows) - first_block(); }
  // index: from 0, for the first block in which the part has rows.
  BlockPart block(int64_t index) const {
    const int64_t begin = (first_block() + index) * block_rows, end = smaller(begin + block_rows, batch_rows);
    return {{larger(begin, first_row) - first_row, smaller(end, first_row + m) - first_row},
            end - begin,
            begin >= first_row,
            end <= first_row + m};
  }
};

// Calls work(blocks, columns) for pieces of all blocks of a part, or of all columns.
template <class Work>
void for_pieces(const lf_host *host, const Part &part, int64_t n, int64_t width, const Work &work) {
  const int64_t repaid = larger(1, smaller(most_tasks(host->threads), part.m * n / least_elements)),
                blocks = part.blocks();
  if (blocks >= repaid)
    for_each_task(host, repaid, [&](int64_t index) { work(piece(blocks, 1, repaid, index), Range{0, n}); });
  else {
    const int64_t pieces = smaller(repaid, ceil_div(n, 2 * width));
    for_each_task(host, pieces, [&](int64_t index) { work(Range{0, blocks}, piece(n, 2 * width, pieces, index)); });
  }
}

// Both passes over one block.  out: [3][n].
template <class S> struct MomentsOfPart {
  const float *x;
  int64_t ldx, n;
  bool is_second;

  template <class Column> void operator()(const BlockPart &block, float *out, const Column &column) const {
    using V = typename S::V;
    const float *from = x + block.rows.begin * ldx;
    const int64_t rows = block.rows.size();
    Moments<S> moments[Column::count];
    if (block.begins && block.ends) {
      if (is_second) return;
      block_moments<S>(from, ldx, rows, column, nullptr, moments);
      return store(moments, out, column);
    }
    V sum[Column::count], low[Column::count], squares[Column::count];
    LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) {
      const bool goes_on = !block.begins;
      sum[v] = goes_on || is_second ? column.load(out, v) : V(0.0f);
      low[v] = goes_on && is_second ? column.load(out + n, v) : V(0.0f);
      squares[v] = goes_on && is_second ? column.load(out + 2 * n, v) : V(0.0f);
    }
    if (!is_second) {
      add_rows<S>(from, ldx, rows, column, sum);
      LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) column.store(out, v, sum[v]);
      return;
    }
    const V count(static_cast<float>(block.all_rows));
    V base[Column::count];
    LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) base[v] = S::divide(sum[v], count);
    add_deviations<S>(from, ldx, rows, column, base, low, squares);
    LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) moments[v] =
        block.ends ? moments_of<S>(base[v], low[v], squares[v], count) : Moments<S>{sum[v], low[v], squares[v]};
    store(moments, out, column);
  }

private:
  template <class Column>
  void store(const Moments<S> (&moments)[Column::count], float *out, const Column &column) const {
    LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) {
      column.store(out, v, moments[v].base);
      column.store(out + n, v, moments[v].shift);
      column.store(out + 2 * n, v, moments[v].m2);
    }
  }
};

template <class S> lf_status batch_norm_moments(const lf_host *host, const lf_batch_norm_moments_args *args) {
  const int64_t n = args->n;
  const Part part{args->first_row, args->m, args->batch_rows};
  const MomentsOfPart<S> moments{args->x, args->ldx, n, (args->flags & LF_SECOND_PASS) != 0};
  for_pieces(host, part, n, S::width, [&](Range blocks, Range columns) {
    for (int64_t b = blocks.begin; b < blocks.end; ++b) {
      const BlockPart block = part.block(b);
      simd::for_columns<S, 4>(columns.begin, columns.end,
                              [&](const auto &column) { moments(block, args->moments + 3 * n * b, column); });
    }
  });
  return LF_OK;
}

template <class S> lf_status batch_norm_merge(const lf_host *, const lf_batch_norm_merge_args *args) {
  const int64_t n = args->n;
  simd::for_columns<S, 1>(0, n, [&](const auto &column) {
    const auto moments_at = [&](const float *from) {
      return Moments<S>{column.load(from, 0), column.load(from + n, 0), column.load(from + 2 * n, 0)};
    };
    Moments<S> all = moments_at(args->first_block == 0 ? args->moments : args->merged);
    for (int64_t b = args->first_block == 0 ? 1 : 0; b < args->blocks; ++b) {
      const int64_t before = (args->first_block + b) * block_rows;
      merge<S>(all, static_cast<float>(before), moments_at(args->moments + 3 * n * b),
               static_cast<float>(smaller(block_rows, args->batch_rows - before)));
    }
    column.store(args->merged, 0, all.base);
    column.store(args->merged + n, 0, all.shift);
    column.store(args->merged + 2 * n, 0, all.m2);
    if (args->batch_norm) finish_statistics<S>(args->batch_norm, args->batch_rows, all, column);
  });
  return LF_OK;
}

// A few rows of one block.  sums: [2][n] or [4][n], in pairs of the finished blocks and the block that goes on.
template <class S, bool HasProduct> struct SumsOfPart {
  const lf_column_sums_args *args;

  template <class Column> void operator()(int64_t begin, int64_t end, bool ends_block, const Column &column) const {
    using V = typename S::V;
    constexpr int count = Column::count;
    const int64_t n = args->n, lddy = args->lddy, ldx = args->ldx;
    float *const sums = args->sums;
    V sum[count], product[count], mean[count], inv_std[count];
    LANEFOLD_UNROLL for (int v = 0; v < count; ++v) {
      sum[v] = column.load(sums + n, v);
      if constexpr (!HasProduct) continue;
      product[v] = column.load(sums + 3 * n, v);
      mean[v] = column.load(args->batch_norm->mean, v);
      inv_std[v] = column.load(args->batch_norm->inv_std, v);
    }
    const float *const dy = args->dy, *const x = args->x;
    for (int64_t i = begin; i < end; ++i) LANEFOLD_UNROLL for (int v = 0; v < count; ++v) {
        const V d = column.load(dy + i * lddy, v);
        sum[v] = sum[v] + d;
        if constexpr (HasProduct)
          product[v] = S::fma(d, (column.load(x + i * ldx, v) - mean[v]) * inv_std[v], product[v]);
      }
    const auto keep = [&](float *pair, const V(&open)[count]) {
      LANEFOLD_UNROLL for (int v = 0; v < count; ++v) {
        if (ends_block) column.store(pair, v, column.load(pair, v) + open[v]);
        column.store(pair + n, v, ends_block ? V(0.0f) : open[v]);
      }
    };
    keep(sums, sum);
    if constexpr (HasProduct) keep(sums + 2 * n, product);
  }
};

template <class S> lf_status column_sums(const lf_host *host, const lf_column_sums_args *args) {
  const int64_t n = args->n;
  const Part part{args->first_row, args->m, args->batch_rows};
  const auto work = [&](const auto &add, int64_t arrays) {
    const int64_t repaid = larger(1, smaller(most_tasks(host->threads), args->m * n / least_elements)),
                  pieces = smaller(repaid, ceil_div(n, 2 * S::width));
    for_each_task(host, pieces, [&](int64_t index) {
      const Range columns = piece(n, 2 * S::width, pieces, index);
      for (int64_t row = 0; args->first_row == 0 && row < arrays; ++row)
        simd::for_columns<S, 1>(columns.begin, columns.end, [&](const auto &column) {
          column.store(args->sums + row * n, 0, typename S::V(0.0f));
        });
      for (int64_t b = 0; b < part.blocks(); ++b) {
        const BlockPart block = part.block(b);
        for_strips<S, far_rows>(block.rows, columns, [&](int64_t begin, int64_t end, const auto &column) {
          add(begin, end, block.ends && end == block.rows.end, column);
        });
      }
    });
  };
  if (args->batch_norm) work(SumsOfPart<S, true>{args}, 4);
  else work(SumsOfPart<S, false>{args}, 2);
  return LF_OK;
}

} // namespace lanefold::norm
