// The distance between two words is the optimal string alignment distance.
#include "cli/words.hpp"

#include <algorithm>

namespace lanefold::cli {
namespace {

// Counts insertions, deletions, substitutions and swaps of neighbours.
size_t corrections(const std::string &a, const std::string &b) {
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

int32_t code_of(const std::vector<std::string> &names, const std::string &word) {
  const auto at = std::find(names.begin(), names.end(), word);
  return at == names.end() ? -1 : static_cast<int32_t>(at - names.begin());
}

std::string nearest(const std::string &word, const std::vector<std::string> &known) {
  constexpr size_t longest = 64; // no known word is near a longer one
  std::string best;
  size_t least = word.size() / 3 + 2; // a word that needs this many corrections is another word
  if (word.size() > longest) return best;
  for (const std::string &candidate : known) {
    // A word is near its own beginning, whatever follows.
    const bool begins =
        std::min(word.size(), candidate.size()) >= 2 && (candidate.starts_with(word) || word.starts_with(candidate));
    const size_t count = begins ? 1 : corrections(word, candidate);
    if (count < std::min(least, candidate.size())) least = count, best = candidate;
  }
  return best;
}

std::string unknown_word(const std::string &word, const std::vector<std::string> &known) {
  const std::string near = nearest(word, known);
  std::string text = "'" + word + "' (" + (near.empty() ? "" : "did you mean '" + near + "'? ") + "known: ";
  return text + list(known) + ")";
}

std::string list(const std::vector<std::string> &words, const char *separator) {
  std::string text;
  for (const std::string &word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

} // namespace lanefold::cli
