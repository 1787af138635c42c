// The words for activations and optimizers, as options, files and messages use them; and what to say of a word that is
// none of those that are known.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::trainer {

const std::vector<std::string> &activation_names(); // in the order of their codes, LF_IDENTITY first
const std::vector<std::string> &optimizer_names();  // in the order of their codes, LF_SGD first
const std::vector<std::string> &switch_names();     // of batch normalization: on, off, hidden

// Position of word among names; -1 if it is not there.
int32_t code_of(const std::vector<std::string> &names, const std::string &word);

// The known word that takes the fewest typing mistakes (a letter more, less, other, or two swapped) to become `word`;
// "" if all are far from it.
std::string nearest(const std::string &word, const std::vector<std::string> &known);

// "'elo' (did you mean 'elu'? known: relu, elu)".
std::string unknown_word(const std::string &word, const std::vector<std::string> &known);

} // namespace lanefold::trainer
