// Compares two files of results, time by time and ratio by ratio.
#pragma once

#include "../cases/where.hpp"

#include <cstdio>
#include <string>

namespace lanefold::bench {

// Prints the comparison.  The files may also come from Google Benchmark itself, but then they have no fields.  Throws
// std::runtime_error.
void compare_files(const std::string &before, const std::string &after, const Filter &filter, std::FILE *out = stdout);

} // namespace lanefold::bench
