// One list for each kind of word, and the distance between two.
#include "names.hpp"

#include <algorithm>

namespace lanefold::trainer {
namespace {

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
size_t mistakes(const std::string &a, const std::string &b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

} // namespace

const std::vector<std::string> &activation_names() {
  static const std::vector<std::string> names = {"identity", "relu", "leaky-relu", "elu", "selu", "tanh", "logistic"};
  return names;
}

const std::vector<std::string> &optimizer_names() {
  static const std::vector<std::string> names = {"sgd", "momentum", "nesterov", "adam"};
  return names;
}

const std::vector<std::string> &switch_names() {
  static const std::vector<std::string> names = {"on", "off", "hidden"};
  return names;
}

int32_t code_of(const std::vector<std::string> &names, const std::string &word) {
  const auto at = std::find(names.begin(), names.end(), word);
  return at == names.end() ? -1 : static_cast<int32_t>(at - names.begin());
}

std::string nearest(const std::string &word, const std::vector<std::string> &known) {
  constexpr size_t longest = 64; // no word is near one that is longer
  std::string best;
  size_t least = word.size() / 3 + 2; // more mistakes than this are another word
  if (word.size() > longest) return best;
  for (const std::string &candidate : known) {
    // A beginning is near, however much is missing or too much.
    const bool begun =
        std::min(word.size(), candidate.size()) >= 2 && (candidate.starts_with(word) || word.starts_with(candidate));
    const size_t count = begun ? 1 : mistakes(word, candidate);
    if (count < std::min(least, candidate.size())) least = count, best = candidate;
  }
  return best;
}

std::string unknown_word(const std::string &word, const std::vector<std::string> &known) {
  const std::string near = nearest(word, known);
  std::string text = "'" + word + "' (" + (near.empty() ? "" : "did you mean '" + near + "'? ") + "known: ";
  for (size_t i = 0; i < known.size(); ++i) text += (i ? ", " : "") + known[i];
  return text + ")";
}

} // namespace lanefold::trainer
