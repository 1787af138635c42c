// The golden list of operations: SHA-256 of what each operation of the kernel table gives for fixed operands.  A training
// does not call all of them, and not with every option.
#pragma once

#include <lanefold/lanefold.hpp>

#include <string>
#include <vector>

namespace lanefold::trainer {

struct GoldenOperation {
  const char *name;    // as in the kernel table, such as "sgemm"
  const char *promise; // the hash that every plugin must give, on any number of threads
  std::string (*run)(const Context &context);
};

// In the order of the kernel table.  The weights of pack_weights show in unpack_weights and dense_infer.
const std::vector<GoldenOperation> &golden_operations();

} // namespace lanefold::trainer
