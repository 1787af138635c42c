// The names of the optimizers.
#pragma once

#include "call.hpp"

namespace lanefold::python {

extern const char *const optimizer_words[]; // in the order of their codes

} // namespace lanefold::python
