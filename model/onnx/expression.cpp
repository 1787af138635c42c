// The algebra of elementwise functions.
#include "model/onnx/expression.hpp"

#include <algorithm>

namespace lanefold::model::onnx {

namespace {

template <typename Operation> Coefficient combined(const Coefficient &a, const Coefficient &b, Operation operation) {
  std::vector<double> values(common_size(a, b));
  for (size_t i = 0; i < values.size(); ++i) values[i] = operation(at(a, i), at(b, i));
  return coefficient(std::move(values));
}

// A function that is multiplied by 0 for every feature does not count.
Expression simplified(Expression expression) {
  if (expression.q.degree() >= 0) return expression;
  Expression result;
  result.stage = expression.stage;
  result.p = std::move(expression.p);
  return result;
}

} // namespace

Coefficient coefficient(std::vector<double> values) {
  if (values.size() > 1 && std::all_of(values.begin(), values.end(), [&](double v) { return v == values.front(); }))
    values.erase(values.begin() + 1, values.end());
  if (values.size() == 1 && values.front() == 0) values.clear();
  values.shrink_to_fit();
  return values;
}

double at(const Coefficient &coefficient, size_t feature) {
  if (coefficient.empty()) return 0;
  return coefficient.size() == 1 ? coefficient[0] : coefficient[feature];
}

size_t common_size(const Coefficient &a, const Coefficient &b) { return std::max<size_t>({a.size(), b.size(), 1}); }

Coefficient sum(const Coefficient &a, const Coefficient &b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return combined(a, b, [](double x, double y) { return x + y; });
}

Coefficient product(const Coefficient &a, const Coefficient &b) {
  if (a.empty() || b.empty()) return {};
  return combined(a, b, [](double x, double y) { return x * y; });
}

Coefficient quotient(const Coefficient &a, const Coefficient &b) {
  return combined(a, b, [](double x, double y) { return x / y; });
}

int Polynomial::degree() const {
  int degree = 3;
  while (degree >= 0 && terms[static_cast<size_t>(degree)].empty()) --degree;
  return degree;
}

Polynomial constant(Coefficient value) {
  Polynomial polynomial;
  polynomial.terms[0] = std::move(value);
  return polynomial;
}

Polynomial line(Coefficient scale, Coefficient shift) {
  Polynomial polynomial;
  polynomial.terms[0] = std::move(shift), polynomial.terms[1] = std::move(scale);
  return polynomial;
}

Polynomial sum(const Polynomial &a, const Polynomial &b) {
  Polynomial result;
  for (size_t i = 0; i < 4; ++i) result.terms[i] = sum(a.terms[i], b.terms[i]);
  return result;
}

Polynomial product(const Polynomial &polynomial, const Coefficient &factor) {
  Polynomial result;
  for (size_t i = 0; i < 4; ++i) result.terms[i] = product(polynomial.terms[i], factor);
  return result;
}

std::optional<Polynomial> product(const Polynomial &a, const Polynomial &b) {
  if (a.degree() > 0 && b.degree() > 0 && a.degree() + b.degree() > 3) return std::nullopt;
  Polynomial result;
  for (size_t i = 0; i < 4; ++i)
    for (size_t j = 0; i + j < 4; ++j) result.terms[i + j] = sum(result.terms[i + j], product(a.terms[i], b.terms[j]));
  return result;
}

bool Expression::has_same_function(const Expression &other) const {
  return function == other.function && alpha == other.alpha && beta == other.beta && r == other.r;
}

uint64_t Expression::numbers() const {
  uint64_t count = 0;
  for (const Polynomial *polynomial : {&p, &q, &r})
    for (const Coefficient &term : polynomial->terms) count += term.size();
  return count;
}

Expression output_of(int stage) {
  Expression expression;
  expression.stage = stage;
  expression.p = line({1}, {});
  return expression;
}

std::optional<Expression> sum(const Expression &a, const Expression &b) {
  if (a.is_polynomial()) {
    Expression result = b;
    result.p = sum(a.p, b.p);
    return result;
  }
  if (b.is_polynomial()) return sum(b, a);
  if (!a.has_same_function(b)) return std::nullopt;
  Expression result = a;
  result.p = sum(a.p, b.p), result.q = sum(a.q, b.q);
  return simplified(std::move(result));
}

std::optional<Expression> product(const Expression &a, const Expression &b) {
  if (!a.is_polynomial()) {
    if (!b.is_polynomial()) return std::nullopt;
    return product(b, a);
  }
  const std::optional<Polynomial> p = product(a.p, b.p), q = product(a.p, b.q);
  if (!p || !q) return std::nullopt;
  Expression result = b;
  result.p = *p, result.q = *q;
  return simplified(std::move(result));
}

Expression apply(Function function, double alpha, double beta, const Expression &polynomial) {
  Expression result;
  result.stage = polynomial.stage;
  result.q = constant({1});
  result.function = function;
  result.alpha = alpha, result.beta = beta;
  result.r = polynomial.p;
  return result;
}

} // namespace lanefold::model::onnx
