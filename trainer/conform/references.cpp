// The expected results of a case: each operation's formula in double, with bounds on the errors of float.
#include "trainer/conform/activations.hpp"
#include "trainer/conform/case.hpp"

#include <lanefold/lanefold.h>

#include <algorithm>
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
  const bool training = c.number("training") != 0, of_batch = c.number("of_batch") != 0;
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
    if (of_batch) mean = old("mean", j);
    const Bounded inv_std =
        of_batch ? Bounded(old("inv_std", j)) : Bounded(1) / square_root(variance + c.number("eps"));
    if (training) results["mean"].push_back(mean), results["inv_std"].push_back(inv_std);
    const Bounded scale = Bounded(c.array("gamma").at(0, j)) * inv_std;
    for (int64_t i = 0; i < x.rows; ++i) y.at(i, j) = (x.at(i, j) - mean) * scale + c.array("beta").at(0, j);
  }
  return y;
}

Results batch_norm_forward(const Case &c) {
  Results results;
  results["y"] = activated(c, normalized(c, table_of(c.array("x")), results)).values;
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
  const bool of_batch = c.number("of_batch") != 0;
  const double m = of_batch ? c.number("batch_rows") : static_cast<double>(dt.rows);
  for (int64_t j = 0; j < dt.columns; ++j) {
    const Bounded mean = c.array("mean").at(0, j), inv_std = c.array("inv_std").at(0, j);
    Values xhat, column, products;
    for (int64_t i = 0; i < dt.rows; ++i) {
      xhat.push_back((Bounded(x.at(i, j)) - mean) * inv_std);
      column.push_back(dt.at(i, j));
      products.push_back(dt.at(i, j) * xhat.back());
    }
    const Bounded dbeta = of_batch ? Bounded(c.array("dbeta").at(0, j)) : sum(column),
                  dgamma = of_batch ? Bounded(c.array("dgamma").at(0, j)) : sum(products);
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

// The rows that the part of a case has of each block of 256 rows.
struct BlockPart {
  int64_t begin, end;   // of the part
  double rows;          // of the whole block
  bool begins, is_over; // in this part
};
std::vector<BlockPart> parts_of_blocks(const Case &c, int64_t m) {
  const int64_t first_row = c.size("first_row"), batch_rows = c.size("batch_rows");
  std::vector<BlockPart> parts;
  for (int64_t row = first_row; row < first_row + m; row = first_row + parts.back().end) {
    const int64_t begin = row - row % 256, end = std::min(begin + 256, batch_rows);
    parts.push_back({row - first_row, std::min(end, first_row + m) - first_row, static_cast<double>(end - begin),
                     row == begin, end <= first_row + m});
  }
  return parts;
}

Results batch_norm_moments(const Case &c) {
  const Array &x = c.array("x"), &moments = c.array("moments");
  const bool is_second = c.number("second_pass") != 0;
  Results results;
  Values &made = results["moments"];
  for (const double value : moments.values) made.emplace_back(value);
  const auto n = static_cast<size_t>(x.columns);
  size_t at = 0;
  for (const BlockPart &part : parts_of_blocks(c, x.rows)) {
    const bool is_whole = part.begins && part.is_over;
    for (size_t j = 0; j < n; ++j) {
      Bounded &first = made[at + j], &second = made[at + n + j], &third = made[at + 2 * n + j];
      Values terms;
      if (!part.begins) terms.push_back(first);
      for (int64_t i = part.begin; i < part.end; ++i) terms.emplace_back(x.at(i, static_cast<int64_t>(j)));
      const Bounded total = is_second ? first : sum(terms), base = total / part.rows;
      if (!is_second && !is_whole) first = total;
      if (is_second == is_whole) continue;
      Values deviations, squares;
      if (!part.begins) deviations.push_back(second), squares.push_back(third);
      for (int64_t i = part.begin; i < part.end; ++i) {
        const Bounded d = Bounded(x.at(i, static_cast<int64_t>(j))) - base;
        deviations.push_back(d), squares.push_back(d * d);
      }
      second = sum(deviations), third = sum(squares);
      if (!part.is_over) continue;
      const Bounded shift = second / part.rows;
      third = third - second * shift;
      first = base, second = shift;
      if (third.value < 0) third.value = 0;
    }
    at += 3 * n;
  }
  return results;
}

Results batch_norm_merge(const Case &c) {
  const Array &moments = c.array("moments"), &merged = c.array("merged");
  const int64_t n = merged.columns / 3, first_block = c.size("first_block"), batch_rows = c.size("batch_rows");
  const double m = static_cast<double>(batch_rows), momentum = c.number("momentum");
  Results results;
  Values &made = results["merged"];
  made.resize(static_cast<size_t>(3 * n));
  for (int64_t j = 0; j < n; ++j) {
    const Array &begin = first_block == 0 ? moments : merged;
    const Bounded base = begin.at(0, j);
    Bounded shift = begin.at(0, n + j), m2 = begin.at(0, 2 * n + j);
    for (int64_t b = first_block == 0; b < moments.columns / merged.columns; ++b) {
      const int64_t before = (first_block + b) * 256, of = 3 * n * b + j;
      const double rows = static_cast<double>(std::min<int64_t>(256, batch_rows - before));
      const Bounded share = Bounded(rows) / (static_cast<double>(before) + rows);
      const Bounded delta = (Bounded(moments.at(0, of)) - base + moments.at(0, of + n)) - shift;
      m2 = m2 + moments.at(0, of + 2 * n) + delta * delta * (share * static_cast<double>(before));
      shift = shift + delta * share;
    }
    const auto at = static_cast<size_t>(j), columns = static_cast<size_t>(n);
    made[at] = base, made[columns + at] = shift, made[2 * columns + at] = m2;
    const Bounded mean = base + shift, variance = m2 / m;
    results["mean"].push_back(mean);
    results["inv_std"].push_back(Bounded(1) / square_root(variance + c.number("eps")));
    if (c.find("running_mean") == nullptr) continue;
    const Bounded kept(momentum), added = Bounded(1) - momentum;
    results["running_mean"].push_back(kept * c.array("running_mean").at(0, j) + added * mean);
    results["running_var"].push_back(kept * c.array("running_var").at(0, j) +
                                     added * (c.number("unbiased") != 0 ? m2 / (m - 1) : variance));
  }
  return results;
}

Results column_sums(const Case &c) {
  const Array &dy = c.array("dy"), *x = c.find("x");
  const auto n = static_cast<size_t>(dy.columns);
  Results results;
  Values &sums = results["sums"];
  sums.resize((x ? 4 : 2) * n);
  if (c.size("first_row") > 0)
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = c.array("sums").values[i];
  for (const BlockPart &part : parts_of_blocks(c, dy.rows))
    for (size_t pair = 0; pair < sums.size(); pair += 2 * n)
      for (size_t j = 0; j < n; ++j) {
        const auto column = static_cast<int64_t>(j);
        Bounded &finished = sums[pair + j], &open = sums[pair + n + j];
        Values terms = {open};
        for (int64_t i = part.begin; i < part.end; ++i) {
          const Bounded d = dy.at(i, column);
          terms.push_back(pair == 0 ? d
                                    : d * ((Bounded(x->at(i, column)) - c.array("mean").at(0, column)) *
                                           c.array("inv_std").at(0, column)));
        }
        open = sum(terms);
        if (part.is_over) finished = finished + open, open = 0;
      }
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
  const double m = static_cast<double>(x.rows), batch_rows = c.number("batch_rows", m);
  Results results;
  Values &losses = results["losses"];
  for (int64_t i = 0; i < x.rows; ++i) {
    const auto label = static_cast<int64_t>(labels.at(0, i));
    const SoftmaxRow row(x, i);
    losses.push_back((row.log_sum - (Bounded(x.at(i, label)) - row.largest)) * weight_of(c, i));
    for (int64_t j = 0; j < x.columns; ++j) {
      const Bounded share = row.shares[static_cast<size_t>(j)];
      results["dx"].push_back((j == label ? share - 1.0 : share) / batch_rows * weight_of(c, i));
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
  const auto float_of = [](int64_t size) -> double { return static_cast<float>(size); };
  const double of_batch = float_of((c.numbers.count("batch_rows") ? c.size("batch_rows") : x.rows) * x.columns);
  Results results;
  Values losses;
  for (int64_t i = 0; i < x.rows; ++i) {
    Values row;
    for (int64_t j = 0; j < x.columns; ++j) {
      const ElementLoss loss =
          element_loss(static_cast<int32_t>(c.number("function")), c.number("delta"), x.at(i, j), targets.at(i, j));
      losses.push_back(loss.value * weight_of(c, i)), row.push_back(loss.value);
      results["dx"].push_back(loss.derivative * weight_of(c, i) / of_batch);
    }
    results["losses"].push_back(sum(row) * weight_of(c, i));
  }
  results["loss"] = {sum(losses) / float_of(x.rows * x.columns)};
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
  case LF_OP_BATCH_NORM_MOMENTS: return batch_norm_moments(c);
  case LF_OP_BATCH_NORM_MERGE: return batch_norm_merge(c);
  case LF_OP_COLUMN_SUMS: return column_sums(c);
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
