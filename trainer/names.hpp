// The words for activations, optimizers and initializers, as options, checkpoints and messages use them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::trainer {

const std::vector<std::string> &activation_names(); // in the order of their codes, LF_IDENTITY first
const std::vector<std::string> &optimizer_names();  // in the order of their codes, LF_SGD first
const std::vector<std::string> &initializer_names();

// Position of word among names; -1 if it is not there.
int32_t code_of(const std::vector<std::string> &names, const std::string &word);

} // namespace lanefold::trainer
