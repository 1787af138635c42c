// The benchmarks' program, which `lanefold bench` hands over to.
#pragma once

#include <string>
#include <vector>

namespace lanefold::trainer {

// Becomes lanefold-bench with these words.  Throws cli::UsageError if it does not exist.
int become_bench(const std::vector<std::string> &words);

} // namespace lanefold::trainer
