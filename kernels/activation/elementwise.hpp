// Activations alone, forward and backward.  A matrix without gaps is processed as one long row.
#pragma once

#include <kernels/activation/functions.hpp>
#include <kernels/simd/columns.hpp>
#include <kernels/tasks.hpp>

#include <utility>

namespace lanefold::activation {

inline constexpr int64_t least_elements = 1 << 15; // elements that repay handing a task to another thread

// Calls body(row, first, end) so that each element of an m x n matrix is covered once.
template <class Body> void for_rows(const lf_host *host, int64_t m, int64_t n, bool gapless, const Body &body) {
  if (gapless) {
    n *= m;
    m = 1;
  }
  const int64_t most = most_tasks(host->threads);
  const int64_t pieces = larger(1, smaller(most, m * n / least_elements));
  for_each_task(host, pieces, [&](int64_t index) {
    if (m == 1) {
      const Range columns = piece(n, 64, pieces, index);
      return body(0, columns.begin, columns.end);
    }
    const Range rows = piece(m, 1, pieces, index);
    for (int64_t i = rows.begin; i < rows.end; ++i) body(i, 0, n);
  });
}

// Results larger than all caches are streamed to memory: a plain store would first read the line that it overwrites.
inline constexpr int64_t least_streamed = 8 << 20; // elements: 32 MB will no longer be in cache when they are read

// y[j] = f(x[j]) for first..end-1, with vectors at addresses of y that allow streaming.
template <class S, class Activation>
void stream_forward(const Activation act, const float *x, float *y, int64_t first, int64_t end) {
  const auto one_by_one = [&](int64_t begin, int64_t stop) {
    simd::for_columns<S, 1>(begin, stop,
                            [&](const auto &column) { column.store(y, 0, act.template value<S>(column.load(x, 0))); });
  };
  constexpr int64_t bytes = S::width * sizeof(float);
  const int64_t before = static_cast<int64_t>((0 - reinterpret_cast<uintptr_t>(y + first)) % bytes / sizeof(float));
  int64_t j = smaller(end, first + before);
  one_by_one(first, j);
  for (; end - j >= 4 * S::width; j += 4 * S::width)
    map<S, 4>(
        act, [&](int v) { return S::load(x + j + v * S::width); },
        [&](int v, typename S::V t) { S::stream(y + j + v * S::width, t); });
  S::end_stream();
  one_by_one(j, end);
}

template <class S> lf_status forward(const lf_host *host, const lf_activation_forward_args *args) {
  const bool gapless = args->ldx == args->n && args->ldy == args->n;
  const bool streams = gapless && args->x != args->y && args->m * args->n >= least_streamed;
  with(args->activation, args->alpha, [&](const auto &act) {
    for_rows(host, args->m, args->n, gapless, [&](int64_t row, int64_t first, int64_t end) {
      const float *x = args->x + row * args->ldx;
      float *y = args->y + row * args->ldy;
      if (streams) return stream_forward<S>(act, x, y, first, end);
      simd::for_columns<S, 4>(
          first, end, [ x, y, act ](const auto &column) __attribute__((always_inline)) {
            constexpr int count = std::remove_reference_t<decltype(column)>::count;
            map<S, count>(
                act, [&](int v) { return column.load(x, v); }, [&](int v, typename S::V t) { column.store(y, v, t); });
          });
    });
  });
  return LF_OK;
}

template <class S> lf_status backward(const lf_host *host, const lf_activation_backward_args *args) {
  with(args->activation, args->alpha, [&](const auto &act) {
    constexpr bool from_input = derives_from_input<std::remove_cvref_t<decltype(act)>>;
    const float *const all = from_input ? args->x : args->y;
    const int64_t stride = from_input ? args->ldx : args->ldy;
    const bool gapless = stride == args->n && args->lddy == args->n && args->lddx == args->n;
    for_rows(host, args->m, args->n, gapless, [&](int64_t row, int64_t first, int64_t end) {
      const float *from = all + row * stride, *dy = args->dy + row * args->lddy;
      float *dx = args->dx + row * args->lddx;
      simd::for_columns<S, 4>(
          first, end, [ from, dy, dx, act ](const auto &column) __attribute__((always_inline)) {
            constexpr int count = std::remove_reference_t<decltype(column)>::count;
            LANEFOLD_UNROLL for (int v = 0; v < count; ++v)
                column.store(dx, v, column.load(dy, v) * act.template derivative<S>(column.load(from, v)));
          });
    });
  });
  return LF_OK;
}

} // namespace lanefold::activation
