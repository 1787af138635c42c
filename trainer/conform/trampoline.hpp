// Calls a function by the calling convention of C, and says which registers the function should have preserved, but has
// changed.
#pragma once

#include <cstdint>
#include <string>

namespace lanefold::trainer::conform {

struct Called {
  uint64_t result;
  std::string changed; // such as "rbx", "the floating-point controls"; "" if nothing
};

// Calls function(arguments[0], ..., arguments[4]), each of which is an integer or a pointer.
Called call_and_compare(void (*function)(), const uint64_t (&arguments)[5]);

// The floating-point controls of this thread, without the status flags.
void read_float_controls(uint64_t (&controls)[2]);

} // namespace lanefold::trainer::conform
