// Runs calls of the plugin one instruction at a time, to see which CPU features its code needs.  x86-64 can do that: the
// first byte of an instruction says whether it is one of AVX or AVX-512.
#pragma once

#include <cstdint>
#include <string>

namespace lanefold::trainer::conform {

// Finds the code of the module that has this address.  Returns why its instructions say nothing, "" if they do.
std::string watch_code_of(const void *address);

// On this thread, call_and_compare makes so many single steps in all, from now on.
void allow_steps(int64_t steps);

struct Stepped {
  int64_t steps;
  std::string undeclared; // what the code needs beyond these features, such as "avx512f"; "" if nothing
};
Stepped stepped(uint64_t declared);

// Single steps of a function that the plugin has, and none while the plugin uses its host.
class Steps {
public:
  explicit Steps(bool wanted);
  ~Steps();
  Steps(const Steps &) = delete;
  Steps &operator=(const Steps &) = delete;

private:
  const bool before_;
};

} // namespace lanefold::trainer::conform
