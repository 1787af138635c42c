// The list of initializers, and the draws.
#include "trainer/network/initializer.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::trainer {
namespace {

// A uniform distribution lies between -sqrt(3 v) and sqrt(3 v).  A truncated one is normal of variance 1.3 v, and what
// is beyond two of its standard deviations is drawn again, which leaves a variance of 1.0059 v.
enum class Shape { uniform, normal, truncated };

struct Kind {
  const char *name;
  double scale;
  const char *fan;
  Shape shape;
};
constexpr Kind kinds[] = {
    {"he-truncated", 2, "in", Shape::truncated},
    {"he-normal", 2, "in", Shape::normal},
    {"he-uniform", 2, "in", Shape::uniform},
    {"xavier-normal", 1, "avg", Shape::normal},
    {"xavier-uniform", 1, "avg", Shape::uniform},
    {"xavier-tanh-normal", 16, "avg", Shape::normal},
    {"xavier-tanh-uniform", 16, "avg", Shape::uniform},
    {"lecun-normal", 1, "in", Shape::normal},
};

// TensorFlow's variance_scaling_initializer widens the normal distribution by this much before it truncates it.
constexpr double widened = 1.3;
// Truncation at two standard deviations leaves this much of the variance: 1 - 4 phi(2) / (2 Phi(2) - 1).
constexpr double left = 0.77374130354992;

const Kind &initializer_of(const std::string &name) {
  return *std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind &kind) { return name == kind.name; });
}

double target(const Initializer &initializer, int64_t inputs, int64_t outputs) {
  const double in = static_cast<double>(inputs), out = static_cast<double>(outputs);
  const double fan = initializer.fan == "in" ? in : initializer.fan == "out" ? out : (in + out) / 2;
  return initializer_of(initializer.name).scale / fan;
}

double truncated_normal(Stream &random) {
  for (;;) {
    const double x = random.normal();
    if (std::fabs(x) <= 2) return x;
  }
}

} // namespace

const std::vector<std::string> &initializer_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Kind &kind : kinds) all.emplace_back(kind.name);
    return all;
  }();
  return names;
}

const std::vector<std::string> &fan_names() {
  static const std::vector<std::string> names = {"in", "avg", "out"};
  return names;
}

std::vector<std::vector<std::string>> initializer_table() {
  const char *distributions[] = {"uniform", "normal", "truncated"};
  std::vector<std::vector<std::string>> rows = {{"name", "scale", "fan", "distribution"}};
  for (const Kind &kind : kinds)
    rows.push_back({kind.name, std::to_string(static_cast<int>(kind.scale)), kind.fan,
                    distributions[static_cast<size_t>(kind.shape)]});
  return rows;
}

Initializer usual(const std::string &name) { return {name, initializer_of(name).fan}; }

double Initializer::variance(int64_t inputs, int64_t outputs) const {
  const double v = target(*this, inputs, outputs);
  return initializer_of(name).shape == Shape::truncated ? widened * left * v : v;
}

void draw(const Initializer &initializer, int64_t inputs, int64_t outputs, Stream &random, std::vector<float> &weights,
          double gain) {
  const double variance = target(initializer, inputs, outputs);
  switch (initializer_of(initializer.name).shape) {
  case Shape::uniform: {
    const double limit = gain * std::sqrt(3 * variance);
    for (float &w : weights) w = static_cast<float>(limit * random.uniform(-1, 1));
    return;
  }
  case Shape::normal: {
    const double deviation = gain * std::sqrt(variance);
    for (float &w : weights) w = static_cast<float>(deviation * random.normal());
    return;
  }
  case Shape::truncated: {
    const double deviation = gain * std::sqrt(widened * variance);
    for (float &w : weights) w = static_cast<float>(deviation * truncated_normal(random));
    return;
  }
  }
}

} // namespace lanefold::trainer
