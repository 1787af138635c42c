// Losses that compare each prediction with a target, and their gradients.
#pragma once

#include <kernels/loss/softmax_cross_entropy.hpp>
#include <kernels/math/sigmoid.hpp>

namespace lanefold::loss {

struct SquaredError {
  template <class S> typename S::V value(typename S::V x, typename S::V t) const { return (x - t) * (x - t); }
  template <class S> typename S::V derivative(typename S::V x, typename S::V t) const { return (x - t) + (x - t); }
};

struct AbsoluteError {
  template <class S> typename S::V value(typename S::V x, typename S::V t) const { return math::magnitude<S>(x - t); }
  template <class S> typename S::V derivative(typename S::V x, typename S::V t) const {
    using V = typename S::V;
    const V d = x - t;
    return S::select(d > V(0.0f), V(1.0f), S::select(d < V(0.0f), V(-1.0f), d)); // NaN stays
  }
};

struct HuberError {
  float delta;
  template <class S> typename S::V value(typename S::V x, typename S::V t) const {
    using V = typename S::V;
    const V a = math::magnitude<S>(x - t);
    return S::select(a <= V(delta), (V(0.5f) * a) * a, V(delta) * (a - V(0.5f * delta)));
  }
  template <class S> typename S::V derivative(typename S::V x, typename S::V t) const {
    using V = typename S::V;
    const V d = x - t;
    return S::select(d > V(delta), V(delta), S::select(d < V(-delta), V(-delta), d)); // NaN stays
  }
};

struct LogisticCrossEntropy {
  template <class S> typename S::V value(typename S::V x, typename S::V t) const {
    using V = typename S::V;
    const V rest = math::softplus<S>(V(0.0f) - math::magnitude<S>(x));
    return (S::select(x <= V(0.0f), V(0.0f), x) - t * x) + rest;
  }
  template <class S> typename S::V derivative(typename S::V x, typename S::V t) const {
    return math::logistic<S>(x) - t;
  }
};

// Calls body with the loss of a known code.
template <class Body> void with_loss(int32_t function, float delta, const Body &body) {
  switch (function) {
  case LF_SQUARED_ERROR: return body(SquaredError{});
  case LF_ABSOLUTE_ERROR: return body(AbsoluteError{});
  case LF_HUBER_ERROR: return body(HuberError{delta});
  default: return body(LogisticCrossEntropy{});
  }
}

// Returns the sum of the losses of a row, in the virtual lanes of softmax.hpp.  exponentials() has a loop of its own,
// because it also stores the terms.
template <class S, class Loss> float row_loss(const Loss &loss, const float *x, const float *targets, int64_t n) {
  using V = typename S::V;
  constexpr int vectors = lanes / S::width;
  V sum[vectors];
  LANEFOLD_UNROLL for (int v = 0; v < vectors; ++v) sum[v] = V(0.0f);
  for (int64_t j = 0; j < n; j += lanes) LANEFOLD_UNROLL for (int v = 0; v < vectors; ++v) {
      const int64_t first = j + v * S::width;
      if (first >= n) break;
      const auto count = static_cast<int>(smaller(S::width, n - first));
      const V value = loss.template value<S>(S::load_part(x + first, count), S::load_part(targets + first, count));
      sum[v] = sum[v] + S::select(S::lanes_below(count), value, V(0.0f));
    }
  float lane[lanes];
  LANEFOLD_UNROLL for (int v = 0; v < vectors; ++v) S::store(lane + v * S::width, sum[v]);
  return sum_of_lanes(lane);
}

template <class S> lf_status elementwise_loss(const lf_host *host, const lf_elementwise_loss_args *args) {
  using V = typename S::V;
  const int64_t m = args->m, n = args->n;
  const Scratch scratch(host, args->losses ? 0 : round_up(m, lanes));
  if (!scratch.valid()) return scratch.failure();
  float *const losses = args->losses ? args->losses : scratch.data();
  const auto elements = static_cast<float>(args->batch_rows * n);
  const int64_t pieces = row_pieces(host, m, n);
  with_loss(args->function, args->delta, [&](const auto &loss) {
    for_each_task(host, pieces, [&](int64_t index) {
      const Range rows = piece(m, 1, pieces, index);
      for (int64_t i = rows.begin; i < rows.end; ++i) {
        const float *x = args->x + i * args->ldx, *targets = args->targets + i * args->ldtargets;
        losses[i] = row_loss<S>(loss, x, targets, n);
        if (!args->dx) continue;
        float *dx = args->dx + i * args->lddx;
        const float weight = args->weights ? args->weights[i] : 1.0f; // a product with 1 changes no bit
        simd::for_columns<S, 1>(0, n, [&](const auto &column) {
          const V derivative = loss.template derivative<S>(column.load(x, 0), column.load(targets, 0));
          column.store(dx, 0, S::divide(derivative * V(weight), V(elements)));
        });
      }
    });
  });
  if (args->weights) multiply<S>(losses, args->weights, m);
  *args->loss = sum_of_blocks(losses, m) / static_cast<float>(m * n);
  return LF_OK;
}

} // namespace lanefold::loss
