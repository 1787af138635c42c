// The kernels that a library must use for an instruction set.  A library may choose others: BLIS 0.9 takes a new CPU for
// a "generic" one, and PyTorch leaves AVX-512 unused.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lanefold::bench {

// The names of the kernels that are right for the instruction set, best known first.  Empty if the library has none to
// choose from.
std::vector<std::string> kernels_for(const std::string &library, const std::string &isa);

// Throws if the library uses other kernels than those.
void check_kernels(const std::string &library, const std::string &isa, const std::string &kernels);

// Sets an environment variable to the value with the least seconds.  Each trial runs in a child process, because a
// library reads the variable only once.  A value that fails is left out; if all fail, the variable stays unset.  A
// later call sets the same value without a trial.
void set_fastest(const char *variable, const std::vector<std::string> &values, const std::function<double()> &seconds);

// The index of the function with the fastest call.
size_t fastest_of(const std::vector<std::function<void()>> &functions);

} // namespace lanefold::bench
