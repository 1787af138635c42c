// Epilogues of a dense layer: the activation, and batch normalization by the running statistics.
#pragma once

#include <kernels/gemm/multiply.hpp>
#include <kernels/norm/normalize.hpp>

namespace lanefold::dense {

// y = act(z) on each panel of z; y may be z.
struct ActivateArgs {
  const float *z;
  float *y; // m x n
  int64_t ldy;
  float alpha;
};

template <class S, class Activation> void activate(const void *self, const gemm::Panel &panel) {
  const auto &args = *static_cast<const ActivateArgs *>(self);
  simd::for_columns<S, 4>(0, panel.columns, [&](const auto column) {
    constexpr int count = decltype(column)::count;
    // Local copies, which no store to y can change.
    const Activation act = activation::make<Activation>(args.alpha);
    const float *from = panel.c;
    float *to = args.y + panel.row * args.ldy + panel.column;
    const int64_t from_stride = panel.ldc, to_stride = args.ldy, rows = panel.rows;
    for (int64_t i = 0; i < rows; ++i, from += from_stride, to += to_stride) {
      activation::map<S, count>(
          act, [&](int v) { return column.load(from, v); }, [&](int v, typename S::V t) { column.store(to, v, t); });
    }
  });
}

// args must outlive the epilogue.
template <class S> gemm::Epilogue activation_epilogue(int32_t activation, const ActivateArgs &args) {
  const bool in_place = args.z == args.y;
  if (activation == LF_IDENTITY && in_place) return {};
  return {.run = activation::with(activation, args.alpha,
                                  [](const auto &act) { return &activate<S, std::remove_cvref_t<decltype(act)>>; }),
          .self = &args,
          .is_elu = activation == LF_ELU && in_place,
          .alpha = args.alpha};
}

} // namespace lanefold::dense
