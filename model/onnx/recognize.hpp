// Finds the activation of Lanefold that an expression stands for.
#pragma once

#include "model/onnx/expression.hpp"

#include <optional>

namespace lanefold::model::onnx {

// scale * t + shift
struct Line {
  Coefficient scale{1}, shift;

  bool is_identity() const { return scale == Coefficient{1} && shift.empty(); }
  bool operator==(const Line &) const = default;
};

// after(activation(before(t)))
struct Elementwise {
  Line before;
  int32_t activation = 0; // LF_IDENTITY, for example
  float alpha = 1;
  Line after;
};

// None: no activation computes it.  Constants agree if they differ by at most one part in 10^4, because exporters round
// sqrt(2) and others in many ways.  The result then has the exact constant.
std::optional<Elementwise> recognize(const Expression &expression);

} // namespace lanefold::model::onnx
