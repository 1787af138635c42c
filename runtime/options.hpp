// The options of a context: checked, and completed from the environment and from this machine.
#pragma once

#include "runtime/check.hpp"
#include "runtime/selection.hpp"

#include <lanefold/context.h>

#include <string>
#include <vector>

namespace lanefold::runtime {

struct Settings {
  Request request;
  int32_t threads = 1;
  lf_executor executor{};            // parallel_for is NULL: oneTBB
  std::vector<std::string> warnings; // about the environment
};

// given may be NULL. If the options are invalid, check has the error, and the settings are of no use.
Settings read_options(Check &check, const lf_context_options *given);

} // namespace lanefold::runtime
