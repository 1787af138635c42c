// Elementwise functions of the output t of a stage, in the form p(t) + q(t) * f(r(t)).  Exporters spell GELU, SiLU and
// others in many small nodes.  In this form, every spelling of an activation looks the same.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace lanefold::model::onnx {

// Empty: 0.  One number: the same for all features.  Otherwise one number for each feature.
using Coefficient = std::vector<double>;

// All-equal numbers become one, and a single 0 becomes empty.
Coefficient coefficient(std::vector<double> values);
double at(const Coefficient &coefficient, size_t feature);
size_t common_size(const Coefficient &a, const Coefficient &b); // the features that tell them apart, at least 1
Coefficient sum(const Coefficient &a, const Coefficient &b);
Coefficient product(const Coefficient &a, const Coefficient &b);
Coefficient quotient(const Coefficient &a, const Coefficient &b);

// terms[0] + terms[1] * t + terms[2] * t^2 + terms[3] * t^3
struct Polynomial {
  std::array<Coefficient, 4> terms;

  int degree() const; // -1 if it is 0
  bool is_identity() const { return degree() == 1 && terms[0].empty() && terms[1] == Coefficient{1}; }
  bool operator==(const Polynomial &) const = default;
};

Polynomial constant(Coefficient value);
Polynomial line(Coefficient scale, Coefficient shift);
Polynomial sum(const Polynomial &a, const Polynomial &b);
Polynomial product(const Polynomial &polynomial, const Coefficient &factor);
std::optional<Polynomial> product(const Polynomial &a, const Polynomial &b); // none: above degree 3

enum class Function { none, relu, leaky_relu, elu, selu, tanh, logistic, softplus, hard_sigmoid, clip, erf };

struct Expression {
  int stage = -1;
  Polynomial p;
  Polynomial q;
  Function function = Function::none;
  double alpha = 0, beta = 0; // the function's parameters; of clip: the bounds
  Polynomial r;

  bool is_polynomial() const { return function == Function::none; }
  bool has_same_function(const Expression &other) const;
  uint64_t numbers() const; // the size of all coefficients
};

Expression output_of(int stage); // t
// Of expressions of the same stage.  None: the result does not have the form.
std::optional<Expression> sum(const Expression &a, const Expression &b);
std::optional<Expression> product(const Expression &a, const Expression &b);
Expression apply(Function function, double alpha, double beta, const Expression &polynomial);

} // namespace lanefold::model::onnx
