// The update rules of the library, and their options.
#pragma once

#include <lanefold/optimizer.h>

#include <string>
#include <vector>

namespace lanefold::trainer {

struct Optimizer {
#define OPTIMIZER_FIELD(type, member, initial, ...) type member = initial;
#include "trainer/option_table.inc"
#undef OPTIMIZER_FIELD
};

const std::vector<std::string> &optimizer_names();       // in the order of their codes, LF_SGD first
std::vector<std::vector<std::string>> optimizer_table(); // for the manual: name, formula

} // namespace lanefold::trainer
