// The one list of activations: their words, codes, usual alpha and formulas.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::trainer {

struct ActivationKind {
  const char *name;    // as options, files and messages write it
  int32_t code;        // LF_ELU and so on: lanefold/activation.h
  float usual_alpha;   // where none is given
  bool has_alpha;      // false: the formula has no alpha
  const char *title;   // as tables of results write it
  const char *formula; // for the manual
};

// In the order of their codes, so that activations()[code].code == code.
const std::vector<ActivationKind> &activations();

const std::vector<std::string> &activation_names();
std::vector<std::vector<std::string>> activation_table(); // for the manual: name, formula
const ActivationKind &activation_of(int32_t code);

} // namespace lanefold::trainer
