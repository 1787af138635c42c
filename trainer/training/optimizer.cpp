// One line for each optimizer, in the order of the codes in lanefold/optimizer.h.
#include "trainer/training/optimizer.hpp"

namespace lanefold::trainer {
namespace {

struct Rule {
  const char *name, *formula;
};
constexpr Rule rules[] = {
    {"sgd", "w = w - rate g"},
    {"momentum", "m = mu m + g;  w = w - rate m"},
    {"nesterov", "m = mu m + g;  w = w - rate (g + mu m)"},
    {"adam", "m = mu m + (1 - mu) g;  v = b v + (1 - b) g^2\n"
             "w = w - rate (m / (1 - mu^t)) /\n"
             "       (sqrt(v / (1 - b^t)) + 1e-8)"},
};

} // namespace

const std::vector<std::string> &optimizer_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> words;
    for (const Rule &rule : rules) words.emplace_back(rule.name);
    return words;
  }();
  return names;
}

std::vector<std::vector<std::string>> optimizer_table() {
  std::vector<std::vector<std::string>> rows;
  for (const Rule &rule : rules) rows.push_back({rule.name, rule.formula});
  return rows;
}

} // namespace lanefold::trainer
