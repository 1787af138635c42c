// The options of a context, checked and completed: from the caller's struct, the environment and this machine.
#pragma once

#include "runtime/check.hpp"
#include "runtime/selection.hpp"

#include <lanefold/context.h>

namespace lanefold::runtime {

struct Settings {
  Request request;
  int32_t threads = 1;
  lf_executor executor{}; // parallel_for NULL: oneTBB
};

// given may be NULL. Breaks a rule of check where the options are bad; the settings are then of no use.
Settings read_options(Check &check, const lf_context_options *given);

} // namespace lanefold::runtime
