// Lists of known words, and what to say of a word that is not among them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::cli {

// The position of `word` in `words`, or -1 if it is not there.
int32_t code_of(const std::vector<std::string> &words, const std::string &word);

// The known word that needs the fewest corrections (insert, delete, replace or swap letters) to become `word`.  Returns
// "" if every known word needs too many.
std::string nearest(const std::string &word, const std::vector<std::string> &known);

// "'elo' (did you mean 'elu'? known: relu, elu)".
std::string unknown_word(const std::string &word, const std::vector<std::string> &known);

// "a, b, c".
std::string list(const std::vector<std::string> &words, const char *separator = ", ");

} // namespace lanefold::cli
