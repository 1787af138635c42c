// Two files of results, benchmark by benchmark and ratio by ratio.
#pragma once

#include <cstdio>
#include <string>

namespace lanefold::bench {

// Prints both; answers 0, or with `agree` 1 unless 95 of 100 ratios that both have are within so many percent of each
// other.  Files of Google Benchmark itself can be compared, too.  Throws std::runtime_error.
int compare(const std::string &before, const std::string &after, const std::string &filter, double agree,
            std::FILE *out = stdout);

} // namespace lanefold::bench
