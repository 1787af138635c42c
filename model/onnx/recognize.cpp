// The spellings of the activations.  In the comments, u is a line of t, and c is one number for each feature.
#include "model/onnx/recognize.hpp"

#include <lanefold/activation.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lanefold::model::onnx {

namespace {

constexpr double gelu_cubic = 0.044715;
const double gelu_factor = std::sqrt(2 / std::numbers::pi); // of the tanh form
constexpr double tolerance = 1e-4;                          // relative

bool is_near(double x, double y) { return std::abs(x - y) <= tolerance * std::max(std::abs(x), std::abs(y)); }

bool is_near(const Coefficient &c, double value) {
  for (size_t i = 0; i < common_size(c, {}); ++i)
    if (!is_near(at(c, i), value)) return false;
  return true;
}

Line line_of(const Polynomial &polynomial) { return {polynomial.terms[1], polynomial.terms[0]}; }

Polynomial moved(Polynomial polynomial, double shift) { return sum(polynomial, constant(coefficient({shift}))); }

// c, if a = c * b for lines a and b.
std::optional<Coefficient> ratio(const Polynomial &a, const Polynomial &b) {
  if (a.degree() != 1 || b.degree() != 1) return std::nullopt;
  const Coefficient c = quotient(a.terms[1], b.terms[1]);
  const size_t features = std::max({common_size(c, a.terms[0]), b.terms[0].size()});
  for (size_t i = 0; i < features; ++i) {
    const double is = at(a.terms[0], i), expected = at(c, i) * at(b.terms[0], i);
    const double slack = tolerance * (std::abs(is) + std::abs(expected)) + 1e-6 * std::abs(at(a.terms[1], i));
    if (!std::isfinite(at(c, i)) || at(c, i) == 0 || !(std::abs(is - expected) <= slack)) return std::nullopt;
  }
  return c;
}

// The line, or t itself where it is that up to rounding.
Line snapped(const Polynomial &u) {
  const auto is_close = [](const Coefficient &c, double value) {
    constexpr double rounding = 1e-6; // of constants that are floats
    for (size_t i = 0; i < common_size(c, {}); ++i)
      if (!(std::abs(at(c, i) - value) <= rounding)) return false;
    return true;
  };
  return is_close(u.terms[1], 1) && is_close(u.terms[0], 0) ? Line() : line_of(u);
}

// q * (what the activation multiplies with u), where activation(u) = u * f / factor.
std::optional<Elementwise> times_line(const Polynomial &q, const Polynomial &u, double factor, int32_t activation,
                                      const Coefficient &shift) {
  const std::optional<Coefficient> c = ratio(q, u);
  if (!c) return std::nullopt;
  const Coefficient scale = product(*c, Coefficient{factor});
  // q has the constants of fewer nodes than u, so that it is u without their rounding.
  if (is_near(scale, 1)) return Elementwise{snapped(product(q, Coefficient{factor})), activation, 1, {{1}, shift}};
  return Elementwise{snapped(u), activation, 1, {scale, shift}};
}

// u, if r = factor * (u + 0.044715 u^3).
std::optional<Polynomial> cubic_argument(const Polynomial &r, double factor) {
  if (r.degree() != 3) return std::nullopt;
  const auto &[r0, r1, r2, r3] = r.terms;
  const size_t features = std::max(common_size(r0, r1), common_size(r2, r3));
  std::vector<double> scale(features), shift(features);
  for (size_t i = 0; i < features; ++i) {
    const double a = std::cbrt(at(r3, i) / (factor * gelu_cubic));
    const double b = at(r2, i) / (factor * gelu_cubic * 3 * a * a);
    if (!std::isfinite(a) || !std::isfinite(b) || !is_near(at(r1, i), factor * a * (1 + 3 * gelu_cubic * b * b)) ||
        !is_near(at(r0, i), factor * b * (1 + gelu_cubic * b * b)))
      return std::nullopt;
    scale[i] = a, shift[i] = b;
  }
  return line(coefficient(std::move(scale)), coefficient(std::move(shift)));
}

// p - q, if that does not depend on t: the shift after c * u * (1 + f).
std::optional<Coefficient> shift_of(const Expression &e) {
  const std::optional<Coefficient> c = ratio(line(e.p.terms[1], {}), line(e.q.terms[1], {}));
  if (e.p.degree() != 1 || e.q.degree() != 1 || !c || !is_near(*c, 1)) return std::nullopt;
  const Coefficient &p = e.p.terms[0], &q = e.q.terms[0];
  std::vector<double> shift(common_size(p, q));
  for (size_t i = 0; i < shift.size(); ++i)
    shift[i] = std::abs(at(p, i) - at(q, i)) <= 1e-6 * std::abs(at(p, i)) ? 0 : at(p, i) - at(q, i);
  return coefficient(std::move(shift));
}

// c * u * (1 + erf(u / sqrt(2))) and c * u * (1 + tanh(...))
std::optional<Elementwise> recognize_gelu(const Expression &e) {
  const std::optional<Coefficient> shift = shift_of(e);
  if (!shift) return std::nullopt;
  if (e.function == Function::erf && e.r.degree() == 1)
    return times_line(e.q, product(e.r, Coefficient{std::numbers::sqrt2}), 2, LF_GELU, *shift);
  if (e.function != Function::tanh) return std::nullopt;
  const std::optional<Polynomial> u = cubic_argument(e.r, gelu_factor);
  if (!u) return std::nullopt;
  return times_line(e.q, *u, 2, LF_GELU_TANH, *shift);
}

// c * u * f(u), where f is a sigmoid
std::optional<Elementwise> recognize_gated(const Expression &e) {
  const Coefficient &shift = e.p.terms[0];
  if (e.function == Function::logistic) {
    if (e.r.degree() == 1) return times_line(e.q, e.r, 1, LF_SILU, shift);
    const std::optional<Polynomial> u = cubic_argument(e.r, 2 * gelu_factor);
    if (!u) return std::nullopt;
    return times_line(e.q, *u, 1, LF_GELU_TANH, shift);
  }
  if (e.r.degree() != 1) return std::nullopt;
  // hard_swish(u) = u * clip(u / 6 + 1/2, 0, 1)
  if (e.function == Function::hard_sigmoid)
    return times_line(e.q, moved(product(e.r, Coefficient{6 * e.alpha}), 6 * e.beta - 3), 1, LF_HARD_SWISH, shift);
  if (e.function == Function::clip && e.alpha == 0 && std::isfinite(e.beta))
    return times_line(e.q, moved(product(e.r, Coefficient{6 / e.beta}), -3), e.beta, LF_HARD_SWISH, shift);
  return std::nullopt;
}

// q * clip(r, low, high) + p by functions that have fixed bounds
Elementwise clipped(const Expression &e) {
  const Coefficient low{e.alpha}, &q = e.q.terms[0], &p = e.p.terms[0];
  if (std::isinf(e.beta)) // relu(r - low) + low
    return {line_of(moved(e.r, -e.alpha)), LF_RELU, 1, {q, sum(p, product(q, coefficient(low)))}};
  if (std::isinf(e.alpha)) // high - relu(high - r)
    return {line_of(moved(product(e.r, Coefficient{-1}), e.beta)),
            LF_RELU,
            1,
            {product(q, Coefficient{-1}), sum(p, product(q, coefficient({e.beta})))}};
  if (e.alpha == 0 && is_near(e.beta, 6)) return {line_of(e.r), LF_RELU6, 1, {q, p}};
  const double scale = (e.beta - e.alpha) / 6;
  return {line_of(product(moved(e.r, -e.alpha), Coefficient{1 / scale})),
          LF_RELU6,
          1,
          {product(q, Coefficient{scale}), sum(p, product(q, coefficient(low)))}};
}

// q * f(r) + p, where r is a line, and q and p do not depend on t
std::optional<Elementwise> recognize_plain(const Expression &e) {
  const Line before = line_of(e.r), after{e.q.terms[0], e.p.terms[0]};
  const auto alpha = static_cast<float>(e.alpha);
  switch (e.function) {
  case Function::relu: return Elementwise{before, LF_RELU, 1, after};
  case Function::leaky_relu: return Elementwise{before, LF_LEAKY_RELU, alpha, after};
  case Function::elu: return Elementwise{before, LF_ELU, alpha, after};
  case Function::selu: return Elementwise{before, LF_SELU, 1, after};
  case Function::tanh: return Elementwise{before, LF_TANH, 1, after};
  case Function::logistic: return Elementwise{before, LF_LOGISTIC, 1, after};
  case Function::softplus: return Elementwise{before, LF_SOFTPLUS, 1, after};
  case Function::hard_sigmoid: // Lanefold's beta is 1/2.
    return Elementwise{line_of(moved(e.r, (e.beta - 0.5) / e.alpha)), LF_HARD_SIGMOID, alpha, after};
  case Function::clip: return clipped(e);
  default: return std::nullopt;
  }
}

} // namespace

std::optional<Elementwise> recognize(const Expression &e) {
  if (e.is_polynomial()) {
    if (e.p.degree() > 1) return std::nullopt;
    return Elementwise{{}, LF_IDENTITY, 1, line_of(e.p)};
  }
  if (e.q.degree() == 0 && e.p.degree() < 1) {
    if (e.r.degree() > 1) return std::nullopt;
    return recognize_plain(e);
  }
  if (e.q.degree() == 1 && e.p.degree() < 1) return recognize_gated(e);
  return recognize_gelu(e);
}

} // namespace lanefold::model::onnx
