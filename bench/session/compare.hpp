// Compares two files of results, time by time and ratio by ratio.
#pragma once

#include <cstdio>
#include <string>

namespace lanefold::bench {

// Prints the comparison and returns the exit code.  With agree > 0 that is 1 unless 95% of the ratios that both files
// have agree within `agree` percent; otherwise it is 0.  The files may also come from Google Benchmark itself.
// Throws std::runtime_error.
int compare_files(const std::string &before, const std::string &after, const std::string &filter, double agree,
                  std::FILE *out = stdout);

} // namespace lanefold::bench
