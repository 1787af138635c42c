// Runs calls of the plugin one instruction at a time, to see which CPU features its code needs.  This works on x86-64,
// where the first byte of an instruction says whether it belongs to AVX or AVX-512.
#pragma once

#include <cstdint>
#include <string>

namespace lanefold::trainer::conform {

// Finds the code of the module that has this address.  Returns why the check cannot judge it; "" if it can.
std::string watch_code_of(const void *address);

// From now on, call_and_compare makes at most this many single steps on this thread in all.
void allow_steps(int64_t steps);

struct Stepped {
  int64_t steps;
  std::string undeclared; // what the code needs beyond these features, such as "avx512f"; "" if nothing
};
Stepped stepped(uint64_t declared);

// Turns single steps on while a function of the plugin runs, and off while the plugin uses its host.
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
