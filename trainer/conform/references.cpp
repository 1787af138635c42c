// The expected results of a case: each operation's formula in double, with bounds on the errors of float.
#include "trainer/conform/activations.hpp"
#include "trainer/conform/case.hpp"

#include <lanefold/lanefold.h>

#include <functional>
#include <limits>

namespace lanefold::trainer::conform {
namespace {

using Values = std::vector<Bounded>;
using Results = std::map<std::string, Values>;

struct Table {
  int64_t rows, columns;
  Values values;

  Table(int64_t r, int64_t c) : rows(r), columns(c), values(static_cast<size_t>(r * c)) {}
  Bounded &at(int64_t i, int64_t j) { return values[static_cast<size_t>(i * columns + j)]; }
  const Bounded &at(int64_t i, int64_t j) const { return values[static_cast<size_t>(i * columns + j)]; }
};

Table table_of(const Array &array, bool transposed = false) {
  Table made(transposed ? array.columns : array.rows, transposed ? array.rows : array.columns);
  for (int64_t i = 0; i < made.rows; ++i)
    for (int64_t j = 0; j < made.columns; ++j) made.at(i, j) = transposed ? array.at(j, i) : array.at(i, j);
  return made;
}

Table transposed(const Table &x) {
  Table made(x.columns, x.rows);
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < x.columns; ++j) made.at(j, i) = x.at(i, j);
  return made;
}

// start + a b, where start is a vector, a table, or nothing.
Table product(const Table &a, const Table &b, const std::function<Bounded(int64_t, int64_t)> &start) {
  Table c(a.rows, b.columns);
  for (int64_t i = 0; i < c.rows; ++i)
    for (int64_t j = 0; j < c.columns; ++j) {
      const Bounded first = start ? start(i, j) : Bounded(0);
      double value = first.value, magnitudes = first.magnitude(), error = first.error;
      for (int64_t p = 0; p < a.columns; ++p) {
        const Bounded &x = a.at(i, p), &y = b.at(p, j);
        value += x.value * y.value, magnitudes += x.magnitude() * y.magnitude();
        error += std::abs(x.value) * y.error + std::abs(y.value) * x.error + x.error * y.error;
      }
      const double n = static_cast<double>(a.columns) + 2;
      c.at(i, j) = {value, error + 1.01 * n * unit_roundoff * magnitudes + n * smallest};
    }
  return c;
}

Table product(const Table &a, const Table &b, const Array *bias) {
  if (bias == nullptr) return product(a, b, std::function<Bounded(int64_t, int64_t)>());
  return product(a, b, [bias](int64_t, int64_t j) { return Bounded(bias->at(0, j)); });
}

Results sgemm(const Case &c) {
  const double alpha = c.number("alpha"), beta = c.number("beta");
  const Array &to = c.array("c");
  Table a = alpha == 0 ? Table(to.rows, 0) : table_of(c.array("a"), c.number("transpose_a") != 0);
  const Table b = alpha == 0 ? Table(0, to.columns) : table_of(c.array("b"), c.number("transpose_b") != 0);
  if (alpha != 1)
    for (Bounded &x : a.values) x = Bounded(alpha) * x;
  const auto start = [&](int64_t i, int64_t j) {
    return beta == 0 ? Bounded(0) : beta == 1 ? Bounded(to.at(i, j)) : Bounded(beta) * to.at(i, j);
  };
  return {{"c", product(a, b, start).values}};
}

Results unpack_weights(const Case &c) {
  return {{"unpacked", table_of(c.array("w"), c.number("transpose_b") != 0).values}};
}

Table activated(const Case &c, const Table &z) {
  Table y = z;
  for (Bounded &v : y.values) v = activate(static_cast<int32_t>(c.number("activation")), c.number("alpha"), v);
  return y;
}

Results dense_infer(const Case &c) {
  const Table w = table_of(c.array("w"), c.number("transpose_b") != 0);
  return {{"y", activated(c, product(table_of(c.array("x")), w, c.find("bias"))).values}};
}

// Normalizes x, and adds the other results of a forward pass.
Table normalized(const Case &c, const Table &x, Results &results) {
  const bool training = c.number("training") != 0;
  const double m = static_cast<double>(x.rows), momentum = c.number("momentum");
  const double divisor = c.number("unbiased") != 0 ? m - 1 : m;
  Table y(x.rows, x.columns);
  const auto old = [&c](const char *name, int64_t j) { return c.find(name) ? c.array(name).at(0, j) : 0.0; };
  for (int64_t j = 0; j < x.columns; ++j) {
    Bounded mean = old("running_mean", j), variance = old("running_var", j);
    if (training) {
      Values column, squares;
      for (int64_t i = 0; i < x.rows; ++i) column.push_back(x.at(i, j));
      mean = sum(column) / m;
      for (const Bounded &v : column) squares.push_back((v - mean) * (v - mean));
      const Bounded total = sum(squares);
      variance = total / m;
      const Bounded kept(momentum), added = Bounded(1) - momentum;
      results["running_mean"].push_back(kept * old("running_mean", j) + added * mean);
      results["running_var"].push_back(kept * old("running_var", j) + added * (total / divisor));
    }
    const Bounded inv_std = Bounded(1) / square_root(variance + c.number("eps"));
    if (training) results["mean"].push_back(mean), results["inv_std"].push_back(inv_std);
    const Bounded scale = Bounded(c.array("gamma").at(0, j)) * inv_std;
    for (int64_t i = 0; i < x.rows; ++i) y.at(i, j) = (x.at(i, j) - mean) * scale + c.array("beta").at(0, j);
  }
  return y;
}

Results batch_norm_forward(const Case &c) {
  Results results;
  results["y"] = normalized(c, table_of(c.array("x")), results).values;
  return results;
}

Results dense_forward(const Case &c) {
  Results results;
  const Table z = product(table_of(c.array("x")), table_of(c.array("w")), c.find("bias"));
  results["z"] = z.values;
  results["y"] = activated(c, c.find("gamma") != nullptr ? normalized(c, z, results) : z).values;
  return results;
}

// The gradients of a normalization: dt becomes dz.
void normalize_backward(const Case &c, const Array &x, Table &dt, Results &results) {
  const double m = static_cast<double>(dt.rows);
  for (int64_t j = 0; j < dt.columns; ++j) {
    const Bounded mean = c.array("mean").at(0, j), inv_std = c.array("inv_std").at(0, j);
    Values xhat, column, products;
    for (int64_t i = 0; i < dt.rows; ++i) {
      xhat.push_back((Bounded(x.at(i, j)) - mean) * inv_std);
      column.push_back(dt.at(i, j));
      products.push_back(dt.at(i, j) * xhat.back());
    }
    const Bounded dbeta = sum(column), dgamma = sum(products);
    results["dbeta"].push_back(dbeta), results["dgamma"].push_back(dgamma);
    const Bounded scale = Bounded(c.array("gamma").at(0, j)) * inv_std;
    for (int64_t i = 0; i < dt.rows; ++i)
      dt.at(i, j) = scale * (dt.at(i, j) - dbeta / m - xhat[static_cast<size_t>(i)] * (dgamma / m));
  }
}

Results batch_norm_backward(const Case &c) {
  Results results;
  Table dx = table_of(c.array("dy"));
  normalize_backward(c, c.array("x"), dx, results);
  results["dx"] = dx.values;
  return results;
}

// What the derivative follows from.  The input of the activation of a dense layer is computed from z again.
double argument_of_derivative(const Case &c, int32_t code, int64_t i, int64_t j) {
  if (!LF_DERIVES_FROM_INPUT(code)) return c.array("y").at(i, j);
  if (c.find("x") != nullptr && c.find("w") == nullptr && c.find("z") == nullptr) return c.array("x").at(i, j);
  const double z = c.array("z").at(i, j);
  if (c.find("gamma") == nullptr) return z;
  const auto of = [&](const char *name) { return static_cast<float>(c.array(name).at(0, j)); };
  return std::fma(static_cast<float>(z) - of("mean"), of("gamma") * of("inv_std"), of("beta"));
}

Table through_activation(const Case &c) {
  Table dt = table_of(c.array("dy"));
  const auto code = static_cast<int32_t>(c.number("activation"));
  for (int64_t i = 0; i < dt.rows; ++i)
    for (int64_t j = 0; j < dt.columns; ++j)
      if (code != LF_IDENTITY)
        dt.at(i, j) = dt.at(i, j) * derivative(code, c.number("alpha"), argument_of_derivative(c, code, i, j));
  return dt;
}

Results dense_backward(const Case &c) {
  Results results;
  Table dz = through_activation(c);
  if (c.find("gamma") != nullptr) normalize_backward(c, c.array("z"), dz, results);
  const Array *none = nullptr;
  const Table dw = product(transposed(table_of(c.array("x"))), dz, none);
  results["dw"] = dw.values;
  for (int64_t j = 0; j < dz.columns; ++j) {
    Values column;
    for (int64_t i = 0; i < dz.rows; ++i) column.push_back(dz.at(i, j));
    results["dbias"].push_back(sum(column));
  }
  if (c.find("w") == nullptr) return results;
  const Table w = table_of(c.array("w"));
  results["dx"] = product(dz, transposed(w), none).values;
  for (size_t i = 0; i < w.values.size(); ++i)
    results["updated_w"].push_back(w.values[i] - Bounded(c.number("learning_rate")) * dw.values[i]);
  return results;
}

Results fold_batch_norm(const Case &c) {
  Results results;
  const Array &w = c.array("w");
  for (int64_t i = 0; i < w.rows; ++i)
    for (int64_t j = 0; j < w.columns; ++j) {
      const Bounded inv_std = Bounded(1) / square_root(Bounded(c.array("running_var").at(0, j)) + c.number("eps"));
      const Bounded scale = Bounded(c.array("gamma").at(0, j)) * inv_std;
      results["folded_w"].push_back(Bounded(w.at(i, j)) * scale);
      if (i > 0) continue;
      const double bias = c.find("bias") ? c.array("bias").at(0, j) : 0.0;
      results["folded_bias"].push_back(Bounded(c.array("beta").at(0, j)) +
                                       (Bounded(bias) - c.array("running_mean").at(0, j)) * scale);
    }
  return results;
}

Results activation_forward(const Case &c) { return {{"y", activated(c, table_of(c.array("x"))).values}}; }

Results activation_backward(const Case &c) { return {{"dx", through_activation(c).values}}; }

// What softmax computes of a row of logits.
struct SoftmaxRow {
  double largest = -std::numeric_limits<double>::infinity();
  Values shares;
  Bounded log_sum;

  SoftmaxRow(const Array &x, int64_t i) {
    for (int64_t j = 0; j < x.columns; ++j) largest = std::max(largest, x.at(i, j));
    Values powers;
    for (int64_t j = 0; j < x.columns; ++j) {
      const Bounded exponent = Bounded(x.at(i, j)) - largest;
      const double power = std::exp(exponent.value);
      powers.push_back(with_function_error(power, power == 0 ? 0 : power * std::expm1(exponent.error)));
    }
    const Bounded total = sum(powers);
    for (const Bounded &power : powers) shares.push_back(power / total);
    log_sum = with_function_error(std::log(total.value), total.error / total.value);
  }
  Bounded logarithm(double logit) const { return (Bounded(logit) - largest) - log_sum; }
};

Results softmax(const Case &c) {
  const Array &x = c.array("x");
  Results results;
  for (int64_t i = 0; i < x.rows; ++i) {
    const SoftmaxRow row(x, i);
    for (int64_t j = 0; j < x.columns; ++j)
      results["y"].push_back(c.number("logarithm") != 0 ? row.logarithm(x.at(i, j))
                                                        : row.shares[static_cast<size_t>(j)]);
  }
  return results;
}

// The weight of row i.
double weight_of(const Case &c, int64_t i) {
  const Array *weights = c.find("weights");
  return weights ? weights->at(0, i) : 1;
}

Results softmax_cross_entropy(const Case &c) {
  const Array &x = c.array("x"), &labels = c.array("labels");
  const double m = static_cast<double>(x.rows);
  Results results;
  Values losses;
  for (int64_t i = 0; i < x.rows; ++i) {
    const auto label = static_cast<int64_t>(labels.at(0, i));
    const SoftmaxRow row(x, i);
    losses.push_back((row.log_sum - (Bounded(x.at(i, label)) - row.largest)) * weight_of(c, i));
    for (int64_t j = 0; j < x.columns; ++j) {
      const Bounded share = row.shares[static_cast<size_t>(j)];
      results["dx"].push_back((j == label ? share - 1.0 : share) / m * weight_of(c, i));
    }
  }
  results["loss"] = {sum(losses) / m};
  return results;
}

// The loss of one prediction, and its derivative.
struct ElementLoss {
  Bounded value, derivative;
};
ElementLoss element_loss(int32_t function, double delta, double x, double t) {
  const Bounded d = Bounded(x) - t, magnitude(std::abs(d.value), d.error);
  switch (function) {
  case LF_SQUARED_ERROR: return {d * d, d + d};
  case LF_ABSOLUTE_ERROR: return {magnitude, std::isnan(d.value) ? d.value : (d.value > 0) - (d.value < 0)};
  case LF_HUBER_ERROR:
    return {magnitude.value <= delta ? magnitude * magnitude * 0.5 : (magnitude - Bounded(delta) * 0.5) * delta,
            {std::clamp(d.value, -delta, delta), std::isfinite(d.value) ? d.error : 0}};
  default: {
    const Bounded rest = with_function_error(std::log1p(std::exp(-std::abs(x))), 0);
    return {(Bounded(std::max(x, 0.0)) - Bounded(t) * x) + rest, with_function_error(1 / (1 + std::exp(-x)), 0) - t};
  }
  }
}

Results elementwise_loss(const Case &c) {
  const Array &x = c.array("x"), &targets = c.array("targets");
  const double elements = static_cast<float>(x.rows * x.columns);
  Results results;
  Values losses;
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < x.columns; ++j) {
      const ElementLoss loss =
          element_loss(static_cast<int32_t>(c.number("function")), c.number("delta"), x.at(i, j), targets.at(i, j));
      losses.push_back(loss.value * weight_of(c, i));
      results["dx"].push_back(loss.derivative * weight_of(c, i) / elements);
    }
  results["loss"] = {sum(losses) / elements};
  return results;
}

Results dropout(const Case &c) {
  const Array &x = c.array("x");
  const double rate = c.number("rate");
  const auto seed = static_cast<uint64_t>(c.size("seed")), stream = static_cast<uint64_t>(c.size("stream"));
  const auto low = [](auto number) { return static_cast<uint32_t>(number); };
  const Bounded scale = Bounded(1) / (Bounded(1) - rate);
  Results results;
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < x.columns; ++j) {
      const PhiloxBlock block =
          philox({low(j / 64 * 16 + j % 16), low(c.size("first_row") + i), low(stream), low(stream >> 32)},
                 {low(seed), low(seed >> 32)});
      const bool dropped = block[static_cast<size_t>(j / 16 % 4)] < std::floor(rate * 0x1p32);
      results["y"].push_back(dropped ? Bounded(0) : scale * x.at(i, j));
    }
  return results;
}

Results top_k_correct(const Case &c) {
  const Array &x = c.array("x");
  double correct = 0;
  for (int64_t i = 0; i < x.rows; ++i) {
    const auto label = static_cast<int64_t>(c.array("labels").at(0, i));
    const double own = x.at(i, label);
    int64_t above = 0;
    for (int64_t j = 0; j < x.columns; ++j) above += x.at(i, j) > own || (x.at(i, j) == own && j < label);
    correct += !std::isnan(own) && above < c.size("k");
  }
  return {{"correct", {Bounded(correct)}}};
}

// base^step, with the error of step products in float.
Bounded power(double base, double step) {
  const double value = std::pow(base, step);
  return {value, 2 * step * unit_roundoff * value};
}

Results optimizer_step(const Case &c) {
  const auto optimizer = static_cast<int32_t>(c.number("optimizer"));
  const Bounded rate = c.number("learning_rate"), momentum = c.number("momentum"), beta2 = c.number("beta2");
  const double step = c.number("step");
  Results results;
  const Array &w = c.array("w");
  for (int64_t i = 0; i < w.columns; ++i) {
    const Bounded g = c.array("g").at(0, i);
    const double decay = c.number("weight_decay");
    const Bounded decayed = decay == 0 ? Bounded(w.at(0, i)) : Bounded(w.at(0, i)) * (Bounded(1) - rate * decay);
    Bounded descent = g;
    if (optimizer == LF_MOMENTUM || optimizer == LF_NESTEROV) {
      const Bounded m = momentum * c.array("m").at(0, i) + g;
      results["m"].push_back(m);
      descent = optimizer == LF_MOMENTUM ? m : g + momentum * m;
    } else if (optimizer == LF_ADAM) {
      const Bounded m = momentum * c.array("m").at(0, i) + (Bounded(1) - momentum) * g;
      const Bounded v = beta2 * c.array("v").at(0, i) + (Bounded(1) - beta2) * g * g;
      results["m"].push_back(m), results["v"].push_back(v);
      const Bounded first = Bounded(1) - power(momentum.value, step), second = Bounded(1) - power(beta2.value, step);
      descent = (m / first) / (square_root(v / second) + c.number("eps"));
    }
    results["w"].push_back(decayed - rate * descent);
  }
  return results;
}

Results gather(const Case &c) {
  Results results;
  const Array &x = c.array("x"), *rows = c.find("rows");
  const Array &y = c.array("y");
  for (int64_t i = 0; i < y.rows; ++i)
    for (int64_t j = 0; j < y.columns; ++j)
      results["y"].push_back(Bounded(x.at(rows ? static_cast<int64_t>(rows->at(0, i)) : i, j)) / c.number("divisor"));
  return results;
}

// The bound that fold_batch_norm states must be at least the error of one input.  Its elements are as large as allowed,
// with the signs for which all terms add up.
std::vector<Interval> error_bounds(const Case &c) {
  std::vector<Interval> intervals;
  const Array &w = c.array("w");
  const double largest = c.number("largest_x");
  for (int64_t j = 0; j < w.columns; ++j) {
    const double scale = c.array("gamma").at(0, j) / std::sqrt(c.array("running_var").at(0, j) + c.number("eps"));
    const double bias = (c.find("bias") ? c.array("bias").at(0, j) : 0.0) - c.array("running_mean").at(0, j);
    double exact = c.array("beta").at(0, j) + bias * scale;
    auto chain = static_cast<float>(exact);
    for (int64_t p = 0; p < w.rows; ++p) {
      const double x = static_cast<float>(w.at(p, j) * scale < 0 ? -largest : largest);
      exact += x * w.at(p, j) * scale;
      chain = std::fma(static_cast<float>(x), static_cast<float>(w.at(p, j) * scale), chain);
    }
    intervals.push_back({std::abs(static_cast<double>(chain) - exact), std::numeric_limits<float>::max()});
  }
  return intervals;
}

Results computed(const Case &c) {
  switch (c.op) {
  case LF_OP_SGEMM: return sgemm(c);
  case LF_OP_PACK_WEIGHTS:
  case LF_OP_UNPACK_WEIGHTS: return unpack_weights(c);
  case LF_OP_DENSE_INFER: return dense_infer(c);
  case LF_OP_DENSE_FORWARD: return dense_forward(c);
  case LF_OP_DENSE_BACKWARD: return dense_backward(c);
  case LF_OP_BATCH_NORM_FORWARD: return batch_norm_forward(c);
  case LF_OP_BATCH_NORM_BACKWARD: return batch_norm_backward(c);
  case LF_OP_FOLD_BATCH_NORM: return fold_batch_norm(c);
  case LF_OP_ACTIVATION_FORWARD: return activation_forward(c);
  case LF_OP_ACTIVATION_BACKWARD: return activation_backward(c);
  case LF_OP_SOFTMAX: return softmax(c);
  case LF_OP_SOFTMAX_CROSS_ENTROPY: return softmax_cross_entropy(c);
  case LF_OP_ELEMENTWISE_LOSS: return elementwise_loss(c);
  case LF_OP_DROPOUT: return dropout(c);
  case LF_OP_TOP_K_CORRECT: return top_k_correct(c);
  case LF_OP_OPTIMIZER_STEP: return optimizer_step(c);
  default: return gather(c);
  }
}

} // namespace

bool Interval::contains(double value) const {
  return std::isnan(low) ? std::isnan(value) : value >= low && value <= high;
}

const Expected &expected_results(const Case &given) {
  // Other orders of the same formula have errors of the same size, but not the same ones.
  constexpr double slack = 4;
  if (given.known.value) return *given.known.value;
  Expected &expected = given.known.value.emplace();
  for (const auto &[name, values] : computed(given)) {
    const Array *array = given.find(name);
    if (array == nullptr || !array->is_written) continue;
    std::vector<Interval> &intervals = expected[name];
    intervals.reserve(values.size());
    for (const Bounded &v : values) {
      const double error = std::isfinite(v.value) && std::isfinite(v.error) ? slack * v.error : 0;
      intervals.push_back({v.value - error, v.value + error});
    }
  }
  if (given.find("error_bound") != nullptr) expected["error_bound"] = error_bounds(given);
  return expected;
}

} // namespace lanefold::trainer::conform
